#include "tally.h"

#include <inttypes.h>
#include <stdio.h>

static void print_histogram(const char *name, const struct histogram *h)
{
    printf(",\"%s\":{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", name, histogram_quantile(h, 0.50),
           histogram_quantile(h, 0.99), (double)h->largest / 1000.0);
}

static void print_statuses(const struct tally *tally)
{
    const char *comma = "";
    printf(",\"statuses\":{");
    for (int status = 0; status < STATUSES; status++)
        if (tally->statuses[status]) {
            printf("%s\"%d\":%" PRIu64, comma, status, tally->statuses[status]);
            comma = ",";
        }
    printf("}");
}

void tally_print(const struct tally *tally, double seconds)
{
    printf("{\"seconds\":%.3f,\"requests\":%" PRIu64 ",\"ok\":%" PRIu64, seconds, tally->requests,
           tally->ok);
    printf(",\"errors\":{\"refused\":%" PRIu64 ",\"incomplete\":%" PRIu64 ",\"lost\":%" PRIu64
           ",\"unfinished\":%" PRIu64 "}",
           tally->refused, tally->incomplete, tally->lost, tally->unfinished);
    printf(",\"connects\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"marks\":%" PRIu64, tally->connects,
           tally->bytes, tally->marks);
    print_histogram("latency_us", &tally->latency);
    print_histogram("first_us", &tally->first);
    print_histogram("transit_us", &tally->transit);
    print_statuses(tally);
    printf("}\n");
}
