/* The harness's side of the control block. Called from Python through ctypes, in a process that is itself in real time. */
#include "warp.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

WARPED int brownout_clock_version(void)
{
    return (int)BLOCK_VERSION;
}

/* A new control block, in real time; the file is anonymous, and gone when the last process that maps it is. Nobody can
 * cut it short under a reader. -1 and errno when there is none to be had. */
WARPED int brownout_clock_create(void)
{
    struct block first = {.magic = BLOCK_MAGIC, .version = BLOCK_VERSION}, *block;
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
            first.offset[clock] = nanoseconds(&t) - wall_clock();
    }
    first.offset[CLOCK_MONOTONIC] = 0;
    first.segments[0].rate = RATE_ONE; /* a line through zero: target time is wall time */
    memcpy(block, &first, sizeof first);
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

/* Changes the rate and leaps; the only writer. Then tells the processes whose timers the kernel keeps. */
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
    for (int i = 0; i < BLOCK_SLOTS; i++) {
        int32_t pid = atomic_load(&block->slots[i].pid);
        if (pid > 0 && (atomic_load(&block->slots[i].seen) & HAS_TIMERS))
            kill(pid, SIGURG);
    }
    brownout_clock_line(block, line);
}

/* The processes attached now, and what each has done with its clock since this was last asked; returns how many. */
WARPED int brownout_clock_attached(struct block *block, int32_t pids[BLOCK_SLOTS], uint32_t seen[BLOCK_SLOTS])
{
    int count = 0;
    for (int i = 0; i < BLOCK_SLOTS; i++) {
        struct slot *slot = &block->slots[i];
        int32_t pid = atomic_load(&slot->pid);
        if (pid <= 0 || (kill(pid, 0) < 0 && errno == ESRCH))
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
