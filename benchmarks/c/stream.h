/* The event stream of one generation. */
#ifndef STREAM_H
#define STREAM_H

#include "answers.h"

/* Both append to `out`. */
void open_stream(struct buffer *out, bool close);
/* The next chunk; false once it was the last. */
bool send_chunk(struct buffer *out, struct generation *generation);

#endif
