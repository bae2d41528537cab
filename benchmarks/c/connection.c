#define _GNU_SOURCE
#include "connection.h"

#include "clock.h"
#include "request.h"
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE (64 * 1024)
/* Chunks of a stream without delay that go out before other connections get their turn. */
#define BURST 16

int epoll;

/* --- sending --- */

static void watch(struct connection *c, int operation)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLRDHUP | (c->waits_for_room ? EPOLLOUT : 0),
        .data.ptr = c,
    };
    epoll_ctl(epoll, operation, c->fd, &event);
}

/* Send what there is. False: the peer is gone. */
static bool flush(struct connection *c)
{
    size_t length = buffer_length(&c->out);
    ssize_t sent = length ? send(c->fd, buffer_front(&c->out), length, MSG_NOSIGNAL) : 0;
    if (sent < 0 && errno != EAGAIN)
        return false;
    if (sent > 0)
        buffer_consume(&c->out, (size_t)sent);
    bool waits = buffer_length(&c->out) > 0;
    if (waits != c->waits_for_room) {
        c->waits_for_room = waits;
        watch(c, EPOLL_CTL_MOD);
    }
    return true;
}

/* --- answering: each returns whether the connection lives on --- */

static void finish(struct connection *c)
{
    c->generating = false;
    counters.running--;
}

static bool stream(struct connection *c)
{
    for (int burst = 0; c->generating && !c->waits_for_room; burst++) {
        if (burst == BURST || (burst && c->generation.delay_ns)) {
            uint64_t now = now_ns(), next = c->timer.due + c->generation.delay_ns;
            timer_set(&c->timer, next > now ? next : now);
            return true;
        }
        if (!send_chunk(&c->out, &c->generation))
            finish(c);
        if (!flush(c))
            return false;
    }
    return true;
}

static bool generate(struct connection *c, const struct request *request)
{
    c->generation = generation_of(request);
    c->generating = true;
    counters.running++;
    uint64_t now = now_ns();
    if (c->generation.streams) {
        c->timer.due = now;
        open_stream(&c->out, c->closing);
        return stream(c);
    }
    if (c->generation.delay_ns) {
        timer_set(&c->timer, now + c->generation.delay_ns);
        return true;
    }
    finish(c);
    answer_completion(&c->out, &c->generation, c->closing);
    return flush(c);
}

static bool answer(struct connection *c, const struct request *request)
{
    counters.requests++;
    c->closing = request->wants_close;
    if (is_generation(request))
        return generate(c, request);
    answer_at_once(&c->out, request);
    return flush(c);
}

/* Answer what lies in the buffer, one request after the other. */
static bool serve(struct connection *c)
{
    while (!c->generating && !c->waits_for_room) {
        struct request request;
        if (c->closing)
            return false;
        if (!buffer_length(&c->in))
            return true;
        buffer_terminate(&c->in);
        enum reading reading = request_read(&request, &c->in);
        if (reading != COMPLETE)
            return reading == NEEDS_MORE;
        bool lives = answer(c, &request);
        buffer_consume(&c->in, request.length);
        if (!lives)
            return false;
    }
    return true;
}

/* --- what happens to it --- */

static bool receive(struct connection *c)
{
    ssize_t size;
    do {
        size = recv(c->fd, buffer_reserve(&c->in, RECEIVE), RECEIVE, 0);
        if (size > 0)
            c->in.end += (size_t)size;
    } while (size == RECEIVE);
    return size > 0 || (size < 0 && errno == EAGAIN);
}

static bool continue_generation(struct connection *c)
{
    if (c->generation.streams)
        return stream(c);
    finish(c);
    answer_completion(&c->out, &c->generation, c->closing);
    return flush(c);
}

static bool progress(struct connection *c, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR) && !receive(c))
        return false;
    if (!(events & EPOLLOUT))
        return true;
    return flush(c) && (!c->generation.streams || c->timer.place || stream(c));
}

void connection_drop(struct connection *c)
{
    if (c->generating) {
        finish(c);
        counters.aborted++;
    }
    counters.connections--;
    timer_clear(&c->timer);
    close(c->fd);
    buffer_free(&c->in);
    buffer_free(&c->out);
    free(c);
}

void connection_greet(int fd)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        exit(1);
    c->fd = fd;
    counters.connections++;
    watch(c, EPOLL_CTL_ADD);
}

bool connection_ready(struct connection *c, uint32_t events)
{
    return progress(c, events) && serve(c);
}

bool connection_due(struct connection *c)
{
    timer_clear(&c->timer);
    return continue_generation(c) && serve(c);
}
