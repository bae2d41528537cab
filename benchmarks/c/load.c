/* The load generator: N connections, each sends its next request once its last answer is complete.

   usage: load --port N --path /v1/... --body FILE [--header 'name: value']
               --connections N --seconds S [--ramp S] [--marks N] [--patience S]

   --ramp spreads the first requests evenly over so many seconds, so that streams do not tick together.
   --marks says that answers are streams of so many chunks; any other number is an error.
   After --seconds nothing new starts and what runs may finish, so that cost per unit is exact. */
#define _GNU_SOURCE
#include "clock.h"
#include "lane.h"
#include "options.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define EVENTS 512
/* A target that fails this often will not get better. */
#define TOO_MANY_FAILURES 1000

/* How many lanes the ramp lets run by now. */
static int allowed(uint64_t since_start)
{
    double seconds = (double)since_start / (double)NS_PER_S;
    if (seconds >= options.ramp)
        return options.connections;
    return 1 + (int)(seconds / options.ramp * (options.connections - 1));
}

static bool hopeless(void)
{
    return lanes.tally.refused + lanes.tally.incomplete + lanes.tally.lost > TOO_MANY_FAILURES;
}

static void start_idle_lanes(struct lane *each, int count)
{
    for (int i = 0; i < count && lanes.busy < count; i++)
        if (!each[i].busy)
            lane_start(&each[i]);
}

static void run(struct lane *each)
{
    static struct epoll_event events[EVENTS];
    uint64_t began = now_ns(), last_start = began + (uint64_t)(options.seconds * (double)NS_PER_S);
    uint64_t give_up = last_start + (uint64_t)(options.patience * (double)NS_PER_S);
    for (;;) {
        uint64_t now = now_ns();
        bool may_start = now < last_start && !hopeless();
        int running = allowed(now - began);
        if (may_start && lanes.busy < running)
            start_idle_lanes(each, running);
        if ((!may_start && !lanes.busy) || now > give_up)
            break;
        int count = epoll_wait(lanes.epoll, events, EVENTS, running < options.connections ? 1 : 100);
        for (int i = 0; i < count; i++)
            lane_handle(events[i].data.ptr, events[i].events);
    }
    lanes.tally.unfinished = (uint64_t)lanes.busy;
    tally_print(&lanes.tally, (double)(now_ns() - began) / (double)NS_PER_S);
}

static void read_file(struct buffer *into, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "load: %s: %s\n", path, strerror(errno));
        exit(2);
    }
    size_t size;
    while ((size = fread(buffer_reserve(into, 65536), 1, 65536, file)))
        into->end += size;
    fclose(file);
}

static void prepare_request(void)
{
    struct buffer body = {0};
    read_file(&body, options.body);
    buffer_printf(&lanes.request,
                  "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                  "%s\r\nContent-Length: %zu\r\n\r\n",
                  options.path, options.port, options.header, buffer_length(&body));
    buffer_append(&lanes.request, buffer_front(&body), buffer_length(&body));
    buffer_free(&body);
}

static struct lane *make_lanes(void)
{
    struct lane *each = calloc((size_t)options.connections, sizeof *each);
    if (!each) {
        perror("load: calloc");
        exit(1);
    }
    for (int i = 0; i < options.connections; i++)
        each[i].fd = -1;
    return each;
}

int main(int count, char **values)
{
    read_options(count, values);
    signal(SIGPIPE, SIG_IGN);
    prepare_request();
    lanes.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct lane *each = make_lanes();
    run(each);
    free(each);
    return 0;
}
