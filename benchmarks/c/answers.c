#define _GNU_SOURCE
#include "answers.h"

#include "clock.h"

#include <string.h>

#define DEFAULT_CHUNKS 64
#define DEFAULT_DIMENSIONS 1024

struct counters counters;

static const char MODELS[] =
    "{\"object\":\"list\",\"data\":[{\"id\":\"" MODEL "\",\"object\":\"model\",\"created\":1700000000,"
    "\"owned_by\":\"vllm\",\"root\":\"" MODEL "\",\"parent\":null,\"max_model_len\":32768}]}";

/* sglang's router asks its workers for these two before it trusts them. */
static const char DESCRIPTION[] =
    "{\"model_path\":\"" MODEL "\",\"served_model_name\":\"" MODEL "\",\"model_id\":\"" MODEL "\","
    "\"is_generation\":true}";

/* 640 bytes of text, so that a plain answer is about 1 KB like the request. */
#define WORDS "The lamplighter walks the same streets every evening and nobody sees. "
#define TEXT WORDS WORDS WORDS WORDS WORDS WORDS WORDS WORDS WORDS

static void put_answer(struct buffer *out, const char *status, const char *type, bool close,
                       const char *body, size_t length)
{
    buffer_printf(out, "HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %zu\r\nserver: mock\r\n%s\r\n",
                  status, type, length, close ? "connection: close\r\n" : "");
    buffer_append(out, body, length);
}

static void put_json(struct buffer *out, bool close, const char *body)
{
    put_answer(out, "200 OK", "application/json", close, body, strlen(body));
}

/* --- plain answers --- */

void answer_completion(struct buffer *out, const struct generation *generation, bool close)
{
    static struct buffer body;
    buffer_printf(&body,
                  "{\"id\":\"chatcmpl-%032lx\",\"object\":\"chat.completion\",\"created\":1700000000,"
                  "\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                  "\"content\":\"" TEXT "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
                  "\"usage\":{\"prompt_tokens\":%ld,\"total_tokens\":%ld,\"completion_tokens\":%ld}}",
                  generation->id, PROMPT_TOKENS, PROMPT_TOKENS + generation->chunks, generation->chunks);
    put_answer(out, "200 OK", "application/json", close, buffer_front(&body), buffer_length(&body));
    buffer_consume(&body, buffer_length(&body));
}

/* Made once for each size: the floats themselves are of no interest. */
static const struct buffer *embedding(long dimensions)
{
    static struct buffer body;
    static long made_for = -1;
    if (dimensions == made_for)
        return &body;
    made_for = dimensions;
    buffer_consume(&body, buffer_length(&body));
    buffer_printf(&body, "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
                         "\"embedding\":[");
    for (long i = 0; i < dimensions; i++)
        buffer_printf(&body, "%s0.%07ld", i ? "," : "", (i * 7919) % 10000000);
    buffer_printf(&body, "]}],\"model\":\"" MODEL "\","
                         "\"usage\":{\"prompt_tokens\":%ld,\"total_tokens\":%ld}}",
                  PROMPT_TOKENS, PROMPT_TOKENS);
    return &body;
}

static void answer_embedding(struct buffer *out, const struct request *request)
{
    const struct buffer *body = embedding(body_number(request, "dimensions", DEFAULT_DIMENSIONS));
    put_answer(out, "200 OK", "application/json", request->wants_close, buffer_front(body),
               buffer_length(body));
}

static void answer_metrics(struct buffer *out, const struct request *request)
{
    static struct buffer body;
    buffer_printf(&body, "vllm:num_requests_running{model_name=\"" MODEL "\"} %lu\n", counters.running);
    buffer_printf(&body, "vllm:num_requests_waiting{model_name=\"" MODEL "\"} 0\n");
    buffer_printf(&body, "mock_requests_total %lu\n", counters.requests);
    buffer_printf(&body, "mock_chunks_total %lu\n", counters.chunks);
    buffer_printf(&body, "mock_usage_chunks_total %lu\n", counters.usage_chunks);
    buffer_printf(&body, "mock_aborted_total %lu\n", counters.aborted);
    buffer_printf(&body, "mock_connections %lu\n", counters.connections);
    put_answer(out, "200 OK", "text/plain", request->wants_close, buffer_front(&body),
               buffer_length(&body));
    buffer_consume(&body, buffer_length(&body));
}

static bool asks_for(const struct request *request, const char *path)
{
    return !strcmp(request->path, path);
}

void answer_at_once(struct buffer *out, const struct request *request)
{
    bool close = request->wants_close;
    if (asks_for(request, "/v1/embeddings"))
        answer_embedding(out, request);
    else if (asks_for(request, "/metrics"))
        answer_metrics(out, request);
    else if (asks_for(request, "/v1/models"))
        put_json(out, close, MODELS);
    else if (asks_for(request, "/server_info") || asks_for(request, "/model_info"))
        put_json(out, close, DESCRIPTION);
    else if (asks_for(request, "/health"))
        put_json(out, close, "{}");
    else
        put_answer(out, "404 Not Found", "application/json", close, "{\"error\":\"not found\"}", 21);
}

/* --- generations --- */

bool is_generation(const struct request *request)
{
    return asks_for(request, "/v1/chat/completions") || asks_for(request, "/v1/completions");
}

struct generation generation_of(const struct request *request)
{
    long chunks = body_number(request, "max_completion_tokens", DEFAULT_CHUNKS);
    return (struct generation){
        .streams = body_says_true(request, "stream"),
        .tells_usage = body_says_true(request, "include_usage"),
        .chunks = body_number(request, "max_tokens", chunks),
        .delay_ns = (uint64_t)body_number(request, "seed", 0) * NS_PER_US,
        .id = counters.requests,
    };
}
