/* The control block: what time it is for the target.
 *
 * A few pages of anonymous memory (a memfd of the harness), mapped by the harness and by every process of the target. It
 * holds a straight line from wall time to target time, `target + (now - wall) * rate`, that only the harness changes, and
 * the moments until which the threads of the target wait, so that the harness can let target time leap to the first.
 *
 * Readers take no lock. Two segments alternate: `sequence` is 2k while segment k & 1 is valid, and 2k + 1 while the
 * harness fills the other one in. A reader takes the segment that `sequence` names, reads the wall clock, and starts
 * again when `sequence` has moved, so a clock read never steps back over a change. A harness that dies half way leaves
 * an odd number behind; its readers lose patience once and go on with the last whole segment.
 */
#ifndef BROWNOUT_BLOCK_H
#define BROWNOUT_BLOCK_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define BLOCK_BYTES (9 * 4096)
#define BLOCK_MAGIC 0x626f636bu
#define BLOCK_VERSION 7u
#define BLOCK_CLOCKS 12 /* CLOCK_REALTIME 0 ... CLOCK_TAI 11 */
#define BLOCK_SLOTS 480
#define BLOCK_PLACES 1024
#define BLOCK_TIMERS 128
#define BLOCK_PEERS 32
#define SECOND INT64_C(1000000000)
#define RATE_ONE (UINT64_C(1) << 32) /* rates are fixed point: target nanoseconds a wall nanosecond, times 2^32 */

struct segment {
    _Atomic int64_t wall, target; /* nanoseconds of CLOCK_MONOTONIC, real and as the target sees it */
    _Atomic uint64_t rate;
};

/* What a process has done with its clock since it attached, or since the harness last asked; whether the kernel keeps
 * timers for it, which have to be moved when the line changes, and whether one of them may be told of by nobody. */
enum { SEEN_READ = 1, SEEN_WAIT = 2, HAS_TIMERS = 4, HAS_UNTOLD_TIMERS = 8 };

struct slot {
    _Atomic int32_t pid; /* 0 is free */
    _Atomic uint32_t seen;
    _Atomic uint64_t image; /* of the program that attached; another may have taken its place, by exec */
};

/* A wait that is under way. A thread that claims a place is awake, so whoever finds everybody asleep finds it whole. */
struct place {
    _Atomic int64_t moment; /* of target time, until which it waits; INT64_MAX in a free one */
    _Atomic int32_t pid;    /* 0 is free */
    _Atomic int32_t tid;
    _Atomic uint32_t looks; /* how often it has woken to look at the block, and slept again */
    _Atomic uint32_t hearing;
};

/* What a thread that waits hears. One that sleeps for long without a look at the block LISTENS; the harness that wants it
 * to look makes that BEING_TOLD, sends it SIGURG, and makes it TOLD. The thread goes on from its sleep when it has made it
 * DEAF again, and while it is BEING_TOLD it waits: so it never takes that signal elsewhere. */
enum { DEAF, LISTENS, BEING_TOLD, TOLD };

/* Who listens looks at the block this often all the same, and more seldom where many threads of its process wait. */
#define SELDOM (250 * SECOND / 1000)
#define SELDOM_EACH (8 * SECOND / 1000)
#define SELDOM_AT_MOST (2 * SECOND)

/* A timer that the kernel keeps, and that is set. */
struct kept_timer {
    _Atomic int64_t moment; /* of target time, when it is due next, and how long it is from there to the time after; */
    _Atomic int64_t every;  /* INT64_MAX in a free one, and 0 where there is none */
    _Atomic int32_t pid;    /* 0 is free */
    _Atomic uint32_t sequence; /* of the line by which the kernel was told */
};

struct block {
    uint32_t magic, version;
    _Atomic uint32_t sequence;
    _Atomic uint32_t attaches;    /* process images that ever attached; never goes down */
    int64_t offset[BLOCK_CLOCKS]; /* how far each clock is ahead of CLOCK_MONOTONIC; constant */
    struct segment segments[2];
    _Atomic int64_t leapt_at, leapt_from; /* the wall time of the last leap, and the target time before all of its second */
    struct slot slots[BLOCK_SLOTS];
    _Atomic uint32_t unplaced;    /* waits that found no place */
    struct place places[BLOCK_PLACES];
    struct kept_timer timers[BLOCK_TIMERS];
    _Atomic uint64_t peers[BLOCK_PEERS], doors[BLOCK_PEERS]; /* whom processes have connected to, and where they listen */
};
_Static_assert(sizeof(struct block) <= BLOCK_BYTES, "the control block fits its pages");

/* Now, on both sides, and the rate: also a segment that starts now. */
struct instant {
    int64_t wall, target;
    uint64_t rate;
};

static inline int64_t added(int64_t a, int64_t b) /* saturating: "never" stays "never" */
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

static inline int64_t nanoseconds(const struct timespec *t) /* saturating */
{
    int64_t product;
    if (__builtin_mul_overflow((int64_t)t->tv_sec, SECOND, &product))
        return t->tv_sec > 0 ? INT64_MAX : INT64_MIN;
    return added(product, t->tv_nsec);
}

static inline struct timespec as_timespec(int64_t ns)
{
    struct timespec t = {.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
    if (t.tv_nsec < 0) {
        t.tv_sec -= 1;
        t.tv_nsec += SECOND;
    }
    return t;
}

static inline int64_t target_at(const struct instant *line, int64_t wall)
{
    return added(line->target, (int64_t)(((__int128)(wall - line->wall) * (__int128)line->rate) >> 32));
}

/* The wall time that a target duration takes, rounded up: nobody wakes early. */
static inline int64_t wall_span(uint64_t rate, int64_t target)
{
    unsigned __int128 scaled;
    if (target <= 0)
        return 0;
    scaled = (((unsigned __int128)(uint64_t)target << 32) + (rate - 1)) / rate;
    return scaled > INT64_MAX ? INT64_MAX : (int64_t)scaled;
}

/* The last odd sequence that this process gave up on. */
extern _Atomic uint32_t abandoned __attribute__((visibility("hidden")));

#define PATIENCE (20 * SECOND / 1000)

static inline struct instant read_block(const struct block *block, int64_t (*wall_clock)(void))
{
    int64_t first = 0;
    for (;;) {
        /* Fields are loaded with acquire, so that the second look at `sequence` cannot come before them; a field from
         * an unfinished change was stored with release after `sequence` went odd, so that the second look sees it. */
        uint32_t before = atomic_load_explicit(&block->sequence, memory_order_acquire);
        const struct segment *segment = &block->segments[(before >> 1) & 1];
        int64_t wall = wall_clock();
        struct instant line = {
            .wall = atomic_load_explicit(&segment->wall, memory_order_acquire),
            .target = atomic_load_explicit(&segment->target, memory_order_acquire),
            .rate = atomic_load_explicit(&segment->rate, memory_order_acquire),
        };
        uint32_t after = atomic_load_explicit(&block->sequence, memory_order_relaxed);
        bool whole = after == before;
        if (whole && (before & 1)) {
            whole = before == atomic_load_explicit(&abandoned, memory_order_relaxed);
            if (first == 0)
                first = wall;
            else if (wall - first > PATIENCE)
                atomic_store_explicit(&abandoned, before, memory_order_relaxed);
            else
                sched_yield();
        }
        if (whole)
            return (struct instant){.wall = wall, .target = target_at(&line, wall), .rate = line.rate};
    }
}

#endif
