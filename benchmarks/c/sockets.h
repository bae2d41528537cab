/* Non-blocking TCP on loopback. Nothing here ever talks to another machine. */
#ifndef SOCKETS_H
#define SOCKETS_H

/* Each returns a descriptor, or -1 with errno set. A dialled socket may still be connecting. */
int listen_on_loopback(int port);
int accept_next(int listener);
int dial_loopback(int port);

#endif
