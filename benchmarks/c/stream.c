#define _GNU_SOURCE
#include "stream.h"

#include "clock.h"

#include <inttypes.h>
#include <stdio.h>

void open_stream(struct buffer *out, bool close)
{
    buffer_printf(out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                       "transfer-encoding: chunked\r\nserver: mock\r\n%s\r\n",
                  close ? "connection: close\r\n" : "");
}

static void put_event(struct buffer *events, const struct generation *generation, const char *rest)
{
    buffer_printf(events,
                  "data: {\"id\":\"chatcmpl-%032lx\",\"object\":\"chat.completion.chunk\","
                  "\"created\":1700000000,\"model\":\"" MODEL "\",%s}\n\n",
                  generation->id, rest);
}

static void put_delta(struct buffer *events, const struct generation *generation, const char *delta,
                      const char *finish_reason)
{
    char rest[256];
    snprintf(rest, sizeof rest,
             "\"choices\":[{\"index\":0,\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}]", delta,
             finish_reason);
    put_event(events, generation, rest);
}

/* The send time stands between two @ signs, which occur nowhere else. */
static void put_content(struct buffer *events, const struct generation *generation)
{
    char delta[64];
    snprintf(delta, sizeof delta, "\"content\":\"@%" PRIu64 "@\"", now_ns());
    put_delta(events, generation, delta, "null");
    counters.chunks++;
}

static void put_usage(struct buffer *events, const struct generation *generation)
{
    char rest[256];
    snprintf(rest, sizeof rest,
             "\"choices\":[],\"usage\":{\"prompt_tokens\":%ld,\"total_tokens\":%ld,"
             "\"completion_tokens\":%ld}",
             PROMPT_TOKENS, PROMPT_TOKENS + generation->chunks, generation->chunks);
    put_event(events, generation, rest);
    counters.usage_chunks++;
}

static void put_end(struct buffer *events, const struct generation *generation)
{
    put_delta(events, generation, "\"content\":\"\"", "\"stop\"");
    if (generation->tells_usage)
        put_usage(events, generation);
    buffer_printf(events, "data: [DONE]\n\n");
}

bool send_chunk(struct buffer *out, struct generation *generation)
{
    static struct buffer events;
    bool last = generation->sent > generation->chunks;
    if (!generation->sent)
        put_delta(&events, generation, "\"role\":\"assistant\",\"content\":\"\"", "null");
    else if (!last)
        put_content(&events, generation);
    else
        put_end(&events, generation);
    generation->sent++;
    buffer_printf(out, "%zx\r\n", buffer_length(&events));
    buffer_append(out, buffer_front(&events), buffer_length(&events));
    buffer_printf(out, last ? "\r\n0\r\n\r\n" : "\r\n");
    buffer_consume(&events, buffer_length(&events));
    return !last;
}
