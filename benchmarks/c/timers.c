#include "timers.h"

#include <stdio.h>
#include <stdlib.h>

static struct timer **heap; /* heap[1] is due first; heap[0] is unused */
static size_t count, capacity;

static void put(struct timer *timer, size_t place)
{
    heap[place] = timer;
    timer->place = place;
}

static void rise(struct timer *timer)
{
    size_t place = timer->place;
    while (place > 1 && heap[place / 2]->due > timer->due) {
        put(heap[place / 2], place);
        place /= 2;
    }
    put(timer, place);
}

static void sink(struct timer *timer)
{
    size_t place = timer->place;
    for (;;) {
        size_t child = 2 * place;
        if (child < count && heap[child + 1]->due < heap[child]->due)
            child++;
        if (child > count || heap[child]->due >= timer->due)
            break;
        put(heap[child], place);
        place = child;
    }
    put(timer, place);
}

static void make_room(void)
{
    if (count + 1 < capacity)
        return;
    capacity = capacity ? 2 * capacity : 1024;
    heap = realloc(heap, capacity * sizeof *heap);
    if (!heap) {
        perror("realloc");
        exit(1);
    }
}

void timer_set(struct timer *timer, uint64_t due)
{
    timer_clear(timer);
    make_room();
    timer->due = due;
    put(timer, ++count);
    rise(timer);
}

void timer_clear(struct timer *timer)
{
    size_t place = timer->place;
    if (!place)
        return;
    timer->place = 0;
    struct timer *last = heap[count--];
    if (last == timer)
        return;
    put(last, place);
    rise(last);
    sink(last);
}

struct timer *timer_first(void)
{
    return count ? heap[1] : NULL;
}
