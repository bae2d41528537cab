/* What the stand-in for a model server says, byte by byte as vLLM would. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "buffer.h"
#include "request.h"

#include <stdbool.h>
#include <stdint.h>

#define MODEL "mock-model"
#define PROMPT_TOKENS 25L

/* Counted for /metrics: a benchmark reads them to see that nothing was lost or left running. */
struct counters {
    unsigned long requests, running, chunks, usage_chunks, aborted, connections;
};
extern struct counters counters;

/* The knobs ride in fields of OpenAI's API, which every proxy forwards:
   max_tokens (or max_completion_tokens): chunks of a stream; dimensions: floats of an embedding;
   seed: microseconds between two chunks, or before an answer that is no stream. */
struct generation {
    bool streams, tells_usage;
    long chunks, sent; /* sent counts the opening chunk too */
    uint64_t delay_ns;
    unsigned long id;
};

bool is_generation(const struct request *request);
struct generation generation_of(const struct request *request);

/* Each appends to `out`. */
void answer_at_once(struct buffer *out, const struct request *request);
void answer_completion(struct buffer *out, const struct generation *generation, bool close);

#endif
