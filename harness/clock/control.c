/* The harness's side of the control block. Called from Python through ctypes, in a process that is itself in real time. */
#include "warp.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static bool alive(int32_t pid)
{
    return pid > 0 && (kill(pid, 0) == 0 || errno != ESRCH);
}

WARPED int brownout_clock_version(void)
{
    return (int)BLOCK_VERSION;
}

/* A new control block, in real time; the file is anonymous, and gone when the last process that maps it is. Nobody can
 * cut it short under a reader. -1 and errno when there is none to be had. */
WARPED int brownout_clock_create(void)
{
    struct block *block;
    int file = memfd_create("brownout-clock", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0)
        return -1;
    ready();
    if (ftruncate(file, BLOCK_BYTES) < 0 || fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0 ||
        (block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)) == MAP_FAILED) {
        real.close(file);
        return -1;
    }
    for (clockid_t clock = 0; clock < BLOCK_CLOCKS; clock++) {
        struct timespec t;
        if (clock != CLOCK_MONOTONIC_COARSE && real.clock_gettime(clock == CLOCK_REALTIME_COARSE ? CLOCK_REALTIME : clock, &t) == 0)
            block->offset[clock] = nanoseconds(&t) - wall_clock();
    }
    block->offset[CLOCK_MONOTONIC] = 0;
    block->segments[0].rate = RATE_ONE; /* a line through zero: target time is wall time */
    for (struct place *place = block->places; place < block->places + BLOCK_PLACES; place++)
        place->moment = INT64_MAX;
    for (struct kept_timer *timer = block->timers; timer < block->timers + BLOCK_TIMERS; timer++)
        timer->moment = INT64_MAX;
    block->version = BLOCK_VERSION;
    block->magic = BLOCK_MAGIC;
    munmap(block, BLOCK_BYTES);
    return file;
}

WARPED struct block *brownout_clock_map(int file)
{
    return map_block(file);
}

WARPED void brownout_clock_unmap(struct block *block)
{
    munmap(block, BLOCK_BYTES);
}

/* The line that holds now, and how far the date is ahead: wall, target, rate, offset. */
WARPED void brownout_clock_line(const struct block *block, int64_t line[4])
{
    struct instant at = now(block);
    line[0] = at.wall;
    line[1] = at.target;
    line[2] = (int64_t)at.rate;
    line[3] = block->offset[CLOCK_REALTIME];
}

/* Has a thread that listens look at the block. */
static void tell(struct place *place)
{
    uint32_t hearing = LISTENS;
    if (!atomic_compare_exchange_strong(&place->hearing, &hearing, BEING_TOLD))
        return;
    tgkill(atomic_load(&place->pid), atomic_load(&place->tid), SIGURG);
    hearing = BEING_TOLD;
    atomic_compare_exchange_strong(&place->hearing, &hearing, TOLD); /* unless it has lost its patience */
}

/* Changes the rate and leaps; the only writer. Then tells the processes whose timers the kernel keeps, and the threads
 * that would else sleep past their moment. */
WARPED void brownout_clock_change(struct block *block, int64_t rate, int64_t leap, int64_t line[4])
{
    uint32_t sequence = atomic_load(&block->sequence) & ~1u;
    const struct segment *last = &block->segments[(sequence >> 1) & 1];
    struct segment *next = &block->segments[~(sequence >> 1) & 1];
    struct instant old = {.wall = last->wall, .target = last->target, .rate = last->rate};
    int64_t wall;
    /* Readers wait from here on, so that none of them reads a later time by the old line. The exchange is a full fence:
     * the clock is read after others can see the mark. */
    atomic_exchange(&block->sequence, sequence + 1);
    wall = wall_clock();
    atomic_store_explicit(&next->wall, wall, memory_order_release);
    atomic_store_explicit(&next->target, added(target_at(&old, wall), leap), memory_order_release);
    atomic_store_explicit(&next->rate, (uint64_t)rate, memory_order_release);
    atomic_store_explicit(&block->sequence, sequence + 2, memory_order_release);
    if (leap > 0) {
        if (wall - block->leapt_at > SECOND)
            block->leapt_from = target_at(&old, wall);
        block->leapt_at = wall;
    }
    for (int i = 0; i < BLOCK_SLOTS; i++) {
        int32_t pid = atomic_load(&block->slots[i].pid);
        if (pid > 0 && (atomic_load(&block->slots[i].seen) & HAS_TIMERS))
            kill(pid, SIGURG);
    }
    wall = now(block).target;
    for (struct place *place = block->places; place < block->places + BLOCK_PLACES; place++)
        if (atomic_load(&place->hearing) == LISTENS &&
            wall_span((uint64_t)rate, added(atomic_load(&place->moment), -wall)) < SELDOM_AT_MOST)
            tell(place);
    brownout_clock_line(block, line);
}

/* The processes attached now, and what each has done with its clock since this was last asked; returns how many. */
WARPED int brownout_clock_attached(struct block *block, int32_t pids[BLOCK_SLOTS], uint32_t seen[BLOCK_SLOTS])
{
    int count = 0;
    for (int i = 0; i < BLOCK_SLOTS; i++) {
        struct slot *slot = &block->slots[i];
        int32_t pid = atomic_load(&slot->pid);
        if (!alive(pid))
            continue;
        pids[count] = pid;
        seen[count] = atomic_fetch_and(&slot->seen, ~(uint32_t)(SEEN_READ | SEEN_WAIT));
        count += 1;
    }
    return count;
}

/* How many program images and forked processes have ever attached. */
WARPED uint32_t brownout_clock_attaches(const struct block *block)
{
    return atomic_load(&block->attaches);
}

/* When a timer is due next, from what its process has said; one that was due long ago has fired. INT64_MAX for never. */
static int64_t due(const struct kept_timer *timer, int64_t fired)
{
    int64_t moment = atomic_load(&timer->moment), every = atomic_load(&timer->every);
    if (moment > fired)
        return moment;
    return every > 0 ? moment + ((fired - moment) / every + 1) * every : INT64_MAX;
}

/* How long after its moment the kernel may not have let a timer fire yet. */
#define FIRED_WITHIN (10 * SECOND / 1000)

/* The first moment of target time until which a process waits that is attached; INT64_MAX where none waits for one, and
 * -1 where that cannot be told: a process has not moved a timer yet, or nobody tells of it, or there are more waits than
 * places. */
WARPED int64_t brownout_clock_next(const struct block *block)
{
    /* Who should have woken a second of wall time ago and has not, does not wait any more: it was killed and nobody has
     * buried it, a handler has jumped out of its wait, or its time is over and it waits for a lock. */
    struct instant line = now(block);
    int64_t at = line.target - FIRED_WITHIN, first = INT64_MAX, stale = at - SECOND;
    if (line.wall - block->leapt_at < SECOND && block->leapt_from < stale)
        stale = block->leapt_from;
    if (atomic_load(&block->unplaced) > 0)
        return -1;
    for (int i = 0; i < BLOCK_SLOTS; i++)
        if ((atomic_load(&block->slots[i].seen) & HAS_UNTOLD_TIMERS) && alive(atomic_load(&block->slots[i].pid)))
            return -1;
    for (const struct kept_timer *timer = block->timers; timer < block->timers + BLOCK_TIMERS; timer++) {
        if (atomic_load(&timer->moment) == INT64_MAX || !alive(atomic_load(&timer->pid)))
            continue;
        if (atomic_load(&timer->sequence) != atomic_load(&block->sequence))
            return -1;
        if (due(timer, at) < first)
            first = due(timer, at);
    }
    for (const struct place *place = block->places; place < block->places + BLOCK_PLACES; place++) {
        int64_t moment = atomic_load(&place->moment);
        if (moment > stale && moment < first && alive(atomic_load(&place->pid)))
            first = moment;
    }
    return first;
}

/* A file of /proc, of which the kernel gives at most a page at a time. How much of it there is room for; -1 for none. */
ssize_t contents(const char *path, char *text, size_t room)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t had = 0;
    ssize_t size = -1;
    while (file >= 0 && had < room - 1 && (size = real.read(file, text + had, room - 1 - had)) > 0)
        had += (size_t)size;
    if (file >= 0)
        real.close(file);
    text[had] = 0;
    return size < 0 ? -1 : (ssize_t)had;
}

/* Which program a process runs: the kernel lays each one out elsewhere. A fork runs its parent's. */
uint64_t image_of(const char *auxiliary)
{
    char text[1024];
    ssize_t size = contents(auxiliary, text, sizeof text);
    return size > 0 ? sum_of(text, (size_t)size) : 0;
}

/* The processes that one look has come by: each is looked at once, however many ways lead to it. */
struct look {
    const struct block *block;
    int32_t keeper;
    int32_t pids[BLOCK_SLOTS];
    int count;
};

/* Whether what a process waits for is known. It is not of one that is just being started, cannot be warped, or has become
 * a program that cannot. */
static bool tells(const struct look *look, int32_t pid)
{
    char path[32];
    if (pid == look->keeper)
        return true;
    for (const struct slot *slot = look->block->slots; slot < look->block->slots + BLOCK_SLOTS; slot++)
        if (atomic_load_explicit(&slot->pid, memory_order_relaxed) == pid) {
            snprintf(path, sizeof path, "/proc/%d/auxv", pid);
            return atomic_load_explicit(&slot->image, memory_order_acquire) == image_of(path);
        }
    return false;
}

static int64_t runs_of(struct look *look, int32_t pid);

/* A number for a thread that has run so often. Plain counts would not do: where one thread ends and another begins, their
 * sum is soon what it was. */
static int64_t number_of(uint64_t thread, uint64_t count)
{
    uint64_t mixed = (thread << 40 ^ count) + UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return (int64_t)((mixed ^ mixed >> 31) >> 24) + 1;
}

static const struct place *place_of(const struct block *block, int32_t tid)
{
    for (const struct place *place = block->places; place < block->places + BLOCK_PLACES; place++)
        if (atomic_load_explicit(&place->tid, memory_order_relaxed) == tid)
            return place;
    return NULL;
}

/* How often a thread and the processes that it has started have run so far; -1 while one of them runs, or wants to. */
static int64_t runs_of_thread(struct look *look, int32_t pid, const char *thread)
{
    char path[64], text[4096], *next;
    const struct place *place = place_of(look->block, (int32_t)strtol(thread, NULL, 10));
    const char *state;
    int64_t runs = 0;
    ssize_t size;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/status", pid, thread);
    if (contents(path, text, sizeof text) < 0)
        return errno == ENOENT || errno == ESRCH ? 0 : -1;
    state = strstr(text, "\nState:\t");
    if (state && strchr("ZX", state[8]))
        return 0;
    if (!state || state[8] != 'S' || !strstr(state, "\nvoluntary_ctxt_switches:\t"))
        return -1;
    for (const char *count = text; (count = strstr(count, "voluntary_ctxt_switches:\t")); count += 25)
        runs += strtoll(count + 25, NULL, 10); /* found in "nonvoluntary_...", too */
    if (place) /* how often it has only looked at the block is no reason to take it for awake */
        runs -= atomic_load_explicit(&place->looks, memory_order_relaxed);
    else if (waits_with_an_end(pid, thread))
        return -1;
    runs = number_of(strtoull(thread, NULL, 10), (uint64_t)runs);
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", pid, thread);
    size = contents(path, text, sizeof text);
    if (size < 0 || size == sizeof text - 1)
        return -1; /* a kernel that does not say, or more children than can be looked at */
    for (int32_t child = (int32_t)strtol(text, &next, 10); runs >= 0 && child > 0; child = (int32_t)strtol(next, &next, 10)) {
        int64_t its = runs_of(look, child);
        runs = its < 0 ? -1 : runs + its;
    }
    return runs;
}

static int64_t runs_of(struct look *look, int32_t pid)
{
    char path[32];
    int64_t runs = 0;
    const struct dirent *thread;
    DIR *threads;
    for (int i = 0; i < look->count; i++)
        if (look->pids[i] == pid)
            return 0;
    if (look->count < BLOCK_SLOTS)
        look->pids[look->count++] = pid;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    threads = opendir(path);
    if (!threads && errno != ENOENT)
        return -1;
    while (threads && runs >= 0 && (thread = readdir(threads))) {
        int64_t its = thread->d_name[0] == '.' ? 0 : runs_of_thread(look, pid, thread->d_name);
        runs = its < 0 ? -1 : runs + its;
    }
    if (threads)
        closedir(threads);
    return runs > 0 && !tells(look, pid) ? -1 : runs; /* of one that has ended none */
}

/* How often the processes that are attached have run so far; -1 while one of them is not at rest, or has started one that
 * is not attached, and where none is left: then somebody is about to hear of that. So it is while their keeper is not at
 * rest, or another below it. Only ever compared with what it was. */
WARPED int64_t brownout_clock_runs(const struct block *block, int32_t keeper)
{
    struct look look = {.block = block, .keeper = keeper};
    int64_t runs = 0, kept;
    for (int i = 0; i < BLOCK_SLOTS; i++) {
        int32_t pid = atomic_load(&block->slots[i].pid);
        int64_t its = pid > 0 ? runs_of(&look, pid) : 0;
        if (its < 0)
            return -1;
        runs += its;
    }
    kept = keeper > 0 ? runs_of(&look, keeper) : 0;
    return kept >= 0 && runs > 0 ? kept + runs : -1; /* who sleeps has run */
}
