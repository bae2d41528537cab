/* One client of the mock: reads requests, answers them one after the other. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "answers.h"
#include "buffer.h"
#include "timers.h"

struct connection {
    struct timer timer; /* first: a due timer is its connection */
    int fd;
    bool generating, closing, waits_for_room;
    struct buffer in, out;
    struct generation generation;
};

extern int epoll;

/* Takes over a descriptor that was just accepted. */
void connection_greet(int fd);
/* Each returns whether the connection lives on; if not, it is to be dropped. */
bool connection_ready(struct connection *c, uint32_t events);
bool connection_due(struct connection *c);
void connection_drop(struct connection *c);

#endif
