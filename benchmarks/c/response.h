/* One HTTP/1.1 response, read as its bytes come. Looks inside for the marks that the mock put into
   its chunks (`@<send time>@`) and for the `[DONE]` that ends a stream of events. */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LONGEST_RESPONSE_HEAD 8192

struct response {
    /* What it was. */
    int status;
    bool complete, closes, done; /* done: [DONE] was seen */
    long marks;

    /* Where its reader stands. */
    bool in_body, chunked, sized;
    uint64_t left; /* of the sized body, or of the chunk */
    int stage; /* inside a chunk's frame */
    bool in_mark;
    uint64_t mark;
    unsigned done_matched;
    size_t head_length;
    char head[LONGEST_RESPONSE_HEAD + 1]; /* last: a reset leaves it as it is */
};

/* Called for each mark with the send time that it carries. */
typedef void on_mark(void *context, uint64_t sent_ns);

void response_reset(struct response *r);
/* False: no HTTP. Marks are looked for only if `mark` is not NULL. */
bool response_feed(struct response *r, const char *bytes, size_t size, on_mark *mark, void *context);
/* The peer closed: whether this is how the response was to end. */
bool response_ends_with_close(const struct response *r);

#endif
