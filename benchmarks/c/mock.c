/* A stand-in for a model server that costs a proxy's benchmark next to nothing: one thread, epoll.

   usage: mock PORT      (on loopback; answers.h says which fields of a request are its knobs) */
#define _GNU_SOURCE
#include "clock.h"
#include "connection.h"
#include "sockets.h"
#include "timers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define EVENTS 512

static void greet_all(int listener)
{
    for (int fd; (fd = accept_next(listener)) >= 0;)
        connection_greet(fd);
}

static void run_due_timers(void)
{
    uint64_t now = now_ns();
    for (struct timer *timer; (timer = timer_first()) && timer->due <= now;) {
        struct connection *c = (struct connection *)timer;
        if (!connection_due(c))
            connection_drop(c);
    }
}

/* Until the next timer; epoll_wait's milliseconds would bunch the chunks of many streams. */
static int wait_for(struct epoll_event *events)
{
    const struct timer *next = timer_first();
    if (!next)
        return epoll_pwait2(epoll, events, EVENTS, NULL, NULL);
    uint64_t now = now_ns(), left = next->due > now ? next->due - now : 0;
    struct timespec timeout = {(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
    return epoll_pwait2(epoll, events, EVENTS, &timeout, NULL);
}

static void run(int listener)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = wait_for(events);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c)
                greet_all(listener);
            else if (!connection_ready(c, events[i].events))
                connection_drop(c);
        }
        run_due_timers();
    }
}

int main(int count, char **values)
{
    if (count != 2) {
        fprintf(stderr, "usage: mock PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_on_loopback(atoi(values[1]));
    if (listener < 0) {
        perror("mock: listen");
        return 1;
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    run(listener);
}
