#define _GNU_SOURCE
#include "request.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LONGEST_HEAD 65536

struct head {
    const char *start, *end; /* the end is behind the empty line */
    size_t content_length;
    bool chunked;
};

static bool starts_with(const char *line, const char *name, const char **value)
{
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0)
        return false;
    *value = line + length + strspn(line + length, " \t");
    return true;
}

static void read_header(struct request *request, struct head *head, const char *line)
{
    const char *value;
    if (starts_with(line, "content-length:", &value))
        head->content_length = strtoul(value, NULL, 10);
    else if (starts_with(line, "transfer-encoding:", &value))
        head->chunked = !strncasecmp(value, "chunked", 7);
    else if (starts_with(line, "connection:", &value))
        request->wants_close = !strncasecmp(value, "close", 5);
}

/* POST /v1/chat/completions?x HTTP/1.1 */
static bool read_first_line(struct request *request, const char *line)
{
    const char *path = line + strcspn(line, " \r\n");
    if (*path++ != ' ')
        return false;
    size_t length = strcspn(path, " ?\r\n");
    if (length >= sizeof request->path)
        return false;
    memcpy(request->path, path, length);
    return true;
}

static bool read_head(struct request *request, struct head *head)
{
    if (!read_first_line(request, head->start))
        return false;
    const char *line = strchr(head->start, '\n') + 1;
    for (; line < head->end - 2; line = strchr(line, '\n') + 1)
        read_header(request, head, line);
    return true;
}

/* Put the pieces of a chunked body together. The frames stay readable until the last one has come,
   so nothing is moved before: the first pass only walks. Returns the length of the whole on the wire,
   0: more is needed. */
static size_t walk_chunks(const char *body, const char *end, char *joined, size_t *length)
{
    const char *frame = body;
    *length = 0;
    for (;;) {
        const char *line_end = memchr(frame, '\n', (size_t)(end - frame));
        if (!line_end)
            return 0;
        size_t size = strtoul(frame, NULL, 16);
        const char *data = line_end + 1;
        if ((size_t)(end - data) < size + 2)
            return 0;
        if (joined)
            memmove(joined + *length, data, size);
        *length += size;
        frame = data + size + 2;
        if (!size)
            return (size_t)(frame - body);
    }
}

static enum reading read_chunked(struct request *request, const struct head *head, const char *end)
{
    size_t wire = walk_chunks(head->end, end, NULL, &request->body_length);
    if (!wire)
        return NEEDS_MORE;
    walk_chunks(head->end, end, (char *)head->end, &request->body_length);
    request->length = (size_t)(head->end - head->start) + wire;
    return COMPLETE;
}

static enum reading read_sized(struct request *request, const struct head *head, const char *end)
{
    if ((size_t)(end - head->end) < head->content_length)
        return NEEDS_MORE;
    request->body_length = head->content_length;
    request->length = (size_t)(head->end - head->start) + head->content_length;
    return COMPLETE;
}

enum reading request_read(struct request *request, const struct buffer *in)
{
    const char *start = buffer_front(in), *end = in->bytes + in->end;
    const char *blank = memmem(start, buffer_length(in), "\r\n\r\n", 4);
    if (!blank)
        return buffer_length(in) > LONGEST_HEAD ? MALFORMED : NEEDS_MORE;
    struct head head = {.start = start, .end = blank + 4};
    *request = (struct request){.body = head.end};
    if (!read_head(request, &head))
        return MALFORMED;
    return head.chunked ? read_chunked(request, &head, end) : read_sized(request, &head, end);
}

/* What stands behind `"name":`, or NULL. */
static const char *find_value(const struct request *request, const char *name)
{
    char key[64];
    size_t length = (size_t)snprintf(key, sizeof key, "\"%s\"", name);
    const char *end = request->body + request->body_length;
    const char *value = memmem(request->body, request->body_length, key, length);
    if (!value)
        return NULL;
    for (value += length; value < end && (*value == ':' || isspace((unsigned char)*value)); value++)
        ;
    return value < end ? value : NULL;
}

long body_number(const struct request *request, const char *name, long otherwise)
{
    const char *value = find_value(request, name);
    return value && isdigit((unsigned char)*value) ? strtol(value, NULL, 10) : otherwise;
}

bool body_says_true(const struct request *request, const char *name)
{
    const char *value = find_value(request, name);
    const char *end = request->body + request->body_length;
    return value && end - value >= 4 && !memcmp(value, "true", 4);
}
