/* Bytes that come in at the end and go out at the front. All zero is an empty buffer. */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>

struct buffer {
    char *bytes;
    size_t start, end, capacity;
};

static inline char *buffer_front(const struct buffer *b) { return b->bytes + b->start; }
static inline size_t buffer_length(const struct buffer *b) { return b->end - b->start; }

/* Room for `size` more bytes; returns where they go. Out of memory ends the program. */
char *buffer_reserve(struct buffer *b, size_t size);
void buffer_append(struct buffer *b, const char *bytes, size_t size);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Put a zero byte behind the end, outside the length: text functions may then read the front. */
void buffer_terminate(struct buffer *b);
void buffer_consume(struct buffer *b, size_t size);
void buffer_free(struct buffer *b);

#endif
