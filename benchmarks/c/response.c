#define _GNU_SOURCE
#include "response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Inside a chunked body: the size line, the data, the line end behind it, and the empty line behind
   the last chunk (the mock and all proxies send no trailers). */
enum { SIZE_LINE, DATA, DATA_END, LAST_LINE };

void response_reset(struct response *r)
{
    memset(r, 0, offsetof(struct response, head));
}

/* --- the head --- */

static const char *header_value(const char *line, const char *name)
{
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0)
        return NULL;
    return line + length + strspn(line + length, " \t");
}

static void read_header(struct response *r, const char *line)
{
    const char *value;
    if ((value = header_value(line, "content-length:"))) {
        r->sized = true;
        r->left = strtoull(value, NULL, 10);
    } else if ((value = header_value(line, "transfer-encoding:")))
        r->chunked = !strncasecmp(value, "chunked", 7);
    else if ((value = header_value(line, "connection:")))
        r->closes = !strncasecmp(value, "close", 5);
}

static bool read_head(struct response *r)
{
    if (strncmp(r->head, "HTTP/1.1 ", 9) != 0)
        return false;
    r->status = atoi(r->head + 9);
    for (char *line = strchr(r->head, '\n') + 1; *line != '\r'; line = strchr(line, '\n') + 1)
        read_header(r, line);
    r->in_body = true;
    r->complete = !r->chunked && r->sized && !r->left;
    return r->status >= 200 && r->status < 600;
}

/* Copies head bytes until the empty line; returns how many of `bytes` belonged to it. */
static size_t take_head(struct response *r, const char *bytes, size_t size)
{
    size_t before = r->head_length, room = LONGEST_RESPONSE_HEAD - before;
    size_t taken = size < room ? size : room;
    memcpy(r->head + before, bytes, taken);
    r->head_length += taken;
    r->head[r->head_length] = 0;
    const char *blank = memmem(r->head, r->head_length, "\r\n\r\n", 4);
    if (!blank)
        return taken;
    r->head_length = (size_t)(blank - r->head) + 4;
    r->head[r->head_length] = 0;
    r->in_body = true;
    return r->head_length - before;
}

/* --- the marks --- */

static void look_at(struct response *r, char byte, on_mark *mark, void *context)
{
    static const char DONE[] = "[DONE]";
    if (r->in_mark && byte >= '0' && byte <= '9')
        r->mark = r->mark * 10 + (uint64_t)(byte - '0');
    else if (byte == '@') {
        if (r->in_mark) {
            r->marks++;
            mark(context, r->mark);
        }
        r->in_mark = !r->in_mark;
        r->mark = 0;
    } else
        r->in_mark = false;
    r->done_matched = byte == DONE[r->done_matched] ? r->done_matched + 1 : byte == DONE[0];
    if (r->done_matched == sizeof DONE - 1) {
        r->done = true;
        r->done_matched = 0;
    }
}

/* Content, at most what is left of it; returns how many bytes that was. */
static size_t take_content(struct response *r, const char *bytes, size_t size, on_mark *mark,
                           void *context)
{
    bool bounded = r->chunked || r->sized;
    size_t taken = bounded && r->left < size ? (size_t)r->left : size;
    if (bounded)
        r->left -= taken;
    if (mark)
        for (size_t i = 0; i < taken; i++)
            look_at(r, bytes[i], mark, context);
    return taken;
}

/* --- the frames of a chunked body --- */

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static void take_frame_byte(struct response *r, char byte)
{
    if (r->stage == SIZE_LINE && hex_digit(byte) >= 0)
        r->left = r->left * 16 + (uint64_t)hex_digit(byte);
    if (byte != '\n')
        return;
    if (r->stage == LAST_LINE)
        r->complete = true;
    else if (r->stage == DATA_END)
        r->stage = SIZE_LINE;
    else
        r->stage = r->left ? DATA : LAST_LINE;
}

static size_t take_chunked(struct response *r, const char *bytes, size_t size, on_mark *mark,
                           void *context)
{
    if (r->stage != DATA) {
        take_frame_byte(r, *bytes);
        return 1;
    }
    size_t taken = take_content(r, bytes, size, mark, context);
    if (!r->left)
        r->stage = DATA_END;
    return taken;
}

/* --- all of it --- */

static size_t take_body(struct response *r, const char *bytes, size_t size, on_mark *mark,
                        void *context)
{
    if (r->chunked)
        return take_chunked(r, bytes, size, mark, context);
    size_t taken = take_content(r, bytes, size, mark, context);
    r->complete = r->sized && !r->left;
    return taken;
}

bool response_feed(struct response *r, const char *bytes, size_t size, on_mark *mark, void *context)
{
    while (size && !r->complete) {
        bool in_head = !r->in_body;
        size_t taken = in_head ? take_head(r, bytes, size) : take_body(r, bytes, size, mark, context);
        if (in_head && r->in_body && !read_head(r))
            return false;
        if (!taken) /* the head is longer than any that we know */
            return false;
        bytes += taken;
        size -= taken;
    }
    return !size; /* more than one response was not asked for */
}

bool response_ends_with_close(const struct response *r)
{
    return r->in_body && !r->chunked && !r->sized;
}
