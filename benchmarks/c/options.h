/* The generator's options; load.c lists the flags. */
#ifndef OPTIONS_H
#define OPTIONS_H

struct options {
    int port, connections;
    const char *path, *body, *header;
    double seconds, ramp, patience;
    long marks; /* -1: answers are no streams */
};
extern struct options options;

/* Ends the program with 2 if they make no sense. */
void read_options(int count, char **values);

#endif
