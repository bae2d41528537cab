/* One HTTP/1.1 request at the front of a buffer: enough of the protocol for a well-behaved proxy. */
#ifndef REQUEST_H
#define REQUEST_H

#include "buffer.h"

#include <stdbool.h>

struct request {
    char path[128]; /* without its query */
    const char *body; /* not terminated; a chunked one is put together in place */
    size_t body_length;
    size_t length; /* of all of it in the buffer, to be consumed once answered */
    bool wants_close;
};

enum reading { NEEDS_MORE, COMPLETE, MALFORMED };

/* The buffer must be followed by a zero byte, as buffer_terminate() leaves it. */
enum reading request_read(struct request *request, const struct buffer *in);

/* The number, or the truth, that stands behind `"name":` anywhere in a JSON body. No parser: the
   generator wrote the body, and no text in it looks like a key. */
long body_number(const struct request *request, const char *name, long otherwise);
bool body_says_true(const struct request *request, const char *name);

#endif
