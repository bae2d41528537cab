#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void move_to_the_front(struct buffer *b)
{
    memmove(b->bytes, buffer_front(b), buffer_length(b));
    b->end -= b->start;
    b->start = 0;
}

static void grow(struct buffer *b, size_t needed)
{
    size_t capacity = b->capacity ? b->capacity : 1024;
    while (capacity < needed)
        capacity *= 2;
    b->bytes = realloc(b->bytes, capacity);
    if (!b->bytes) {
        perror("realloc");
        exit(1);
    }
    b->capacity = capacity;
}

char *buffer_reserve(struct buffer *b, size_t size)
{
    if (b->end + size > b->capacity && b->start)
        move_to_the_front(b);
    if (b->end + size > b->capacity)
        grow(b, b->end + size);
    return b->bytes + b->end;
}

void buffer_append(struct buffer *b, const char *bytes, size_t size)
{
    memcpy(buffer_reserve(b, size), bytes, size);
    b->end += size;
}

/* Most of what is printed is short: only what is not is formatted twice. */
#define SHORT 512

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    size_t size = (size_t)vsnprintf(buffer_reserve(b, SHORT), SHORT, format, values);
    if (size >= SHORT)
        vsnprintf(buffer_reserve(b, size + 1), size + 1, format, again);
    va_end(again);
    va_end(values);
    b->end += size;
}

void buffer_terminate(struct buffer *b)
{
    *buffer_reserve(b, 1) = 0;
}

void buffer_consume(struct buffer *b, size_t size)
{
    b->start += size;
    if (b->start == b->end)
        b->start = b->end = 0;
}

void buffer_free(struct buffer *b)
{
    free(b->bytes);
    *b = (struct buffer){0};
}
