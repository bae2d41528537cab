#define _GNU_SOURCE
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

struct options options = {
    .connections = 1,
    .path = "/v1/chat/completions",
    .header = "accept: */*",
    .seconds = 1,
    .patience = 180,
    .marks = -1,
};

static void take_option(int name, const char *value)
{
    switch (name) {
    case 'p': options.port = atoi(value); break;
    case 'u': options.path = value; break;
    case 'b': options.body = value; break;
    case 'h': options.header = value; break;
    case 'c': options.connections = atoi(value); break;
    case 's': options.seconds = atof(value); break;
    case 'r': options.ramp = atof(value); break;
    case 'm': options.marks = atol(value); break;
    case 'w': options.patience = atof(value); break;
    default: exit(2); /* getopt has said why */
    }
}

void read_options(int count, char **values)
{
    static const struct option names[] = {
        {"port", 1, 0, 'p'},    {"path", 1, 0, 'u'},  {"body", 1, 0, 'b'},
        {"header", 1, 0, 'h'},  {"marks", 1, 0, 'm'}, {"connections", 1, 0, 'c'},
        {"seconds", 1, 0, 's'}, {"ramp", 1, 0, 'r'},  {"patience", 1, 0, 'w'},
        {0, 0, 0, 0},
    };
    for (int name; (name = getopt_long(count, values, "", names, NULL)) != -1;)
        take_option(name, optarg);
    if (!options.port || !options.body || options.connections < 1) {
        fprintf(stderr, "load: --port, --body and at least one connection are needed\n");
        exit(2);
    }
}
