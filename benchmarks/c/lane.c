#define _GNU_SOURCE
#include "lane.h"

#include "clock.h"
#include "options.h"
#include "sockets.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE (256 * 1024)

struct lanes lanes;
static uint64_t received_at; /* of the bytes that are being looked at */

static void watch(struct lane *lane, int operation)
{
    struct epoll_event event = {
        .events = EPOLLIN | (lane->waits_for_room ? EPOLLOUT : 0),
        .data.ptr = lane,
    };
    epoll_ctl(lanes.epoll, operation, lane->fd, &event);
}

static void hang_up(struct lane *lane)
{
    if (lane->fd >= 0)
        close(lane->fd);
    lane->fd = -1;
}

static void rest(struct lane *lane)
{
    lane->busy = false;
    lanes.busy--;
}

static void lose(struct lane *lane)
{
    lanes.tally.lost++;
    hang_up(lane);
    rest(lane);
}

static bool is_what_was_asked_for(const struct response *response)
{
    return options.marks < 0 || (response->done && response->marks == options.marks);
}

static void judge(struct lane *lane)
{
    const struct response *response = &lane->response;
    lanes.tally.statuses[response->status]++;
    if (response->status != 200)
        lanes.tally.refused++;
    else if (!is_what_was_asked_for(response))
        lanes.tally.incomplete++;
    else {
        lanes.tally.ok++;
        histogram_add(&lanes.tally.latency, received_at - lane->started);
    }
    if (response->closes || response_ends_with_close(response))
        hang_up(lane);
    rest(lane);
}

static bool connect_lane(struct lane *lane)
{
    lane->fd = dial_loopback(options.port);
    if (lane->fd < 0)
        return false;
    lanes.tally.connects++;
    lane->waits_for_room = false;
    watch(lane, EPOLL_CTL_ADD);
    return true;
}

/* Send what is left of the request. */
static void send_request(struct lane *lane)
{
    size_t left = buffer_length(&lanes.request) - lane->sent;
    ssize_t sent = send(lane->fd, buffer_front(&lanes.request) + lane->sent, left, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        lose(lane);
        return;
    }
    lane->sent += sent > 0 ? (size_t)sent : 0;
    bool waits = lane->sent < buffer_length(&lanes.request);
    if (waits != lane->waits_for_room) {
        lane->waits_for_room = waits;
        watch(lane, EPOLL_CTL_MOD);
    }
}

void lane_start(struct lane *lane)
{
    lanes.tally.requests++;
    lanes.busy++;
    lane->busy = true;
    lane->sent = 0;
    lane->started = now_ns();
    response_reset(&lane->response);
    if (lane->fd < 0 && !connect_lane(lane))
        lose(lane);
    else
        send_request(lane);
}

static void saw_mark(void *context, uint64_t sent_ns)
{
    const struct lane *lane = context;
    lanes.tally.marks++;
    histogram_add(&lanes.tally.transit, received_at - sent_ns);
    if (lane->response.marks == 1)
        histogram_add(&lanes.tally.first, received_at - lane->started);
}

static void receive(struct lane *lane)
{
    static char bytes[RECEIVE];
    ssize_t size = recv(lane->fd, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    received_at = now_ns();
    if (size <= 0) {
        if (!size && response_ends_with_close(&lane->response))
            judge(lane);
        else
            lose(lane);
        return;
    }
    lanes.tally.bytes += (uint64_t)size;
    on_mark *mark = options.marks < 0 ? NULL : saw_mark;
    if (!response_feed(&lane->response, bytes, (size_t)size, mark, lane))
        lose(lane);
    else if (lane->response.complete)
        judge(lane);
}

void lane_handle(struct lane *lane, uint32_t events)
{
    if (!lane->busy) { /* the server gave up an idle connection */
        hang_up(lane);
        return;
    }
    if (events & EPOLLOUT)
        send_request(lane);
    if (lane->busy && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(lane);
}
