/* Target time: a library that is preloaded into the target and scales every clock it reads and every wait it makes.
 *
 * Rules kept everywhere:
 * - What the C library promises for a function holds for the one that stands in front of it: results, errno, EINTR,
 *   cancellation, being callable in a signal handler. Arguments that are wrong are left for the C library to refuse.
 * - Nothing wakes early. Wall times are rounded up, and after a slice the target's clock is asked again.
 * - Nothing is allocated and no lock is taken after the start.
 * - Without a control block every function is the C library's own.
 *
 * Deliberately left alone: CPU clocks, file times, waits without an end, and programs that make their system calls
 * themselves (Go). The harness looks for those; see `programs.py`.
 *
 * This file: the start, joining a control block, forks, and reading clocks. `waits.c` waits, `locks.c` waits for locks
 * and conditions, `timers.c` and `timer_calls.c` have the kernel's timers, `sockets.c` the timeouts of sockets,
 * `peers.c` whom the target talks to, `changes.c` how a change is heard of, `signals.c` what interrupts a wait, `lookups.c` who looks functions up,
 * `calls.c` the kernel's calls by number, `control.c` the harness's side, `untold.c` whose waits it does not know of.
 */
#include "warp.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* A system call without the C library: what there is until its functions are found. */
static long bare_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    result = x0;
#endif
    if (result < 0 && result > -4096) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static int bare_clock_gettime(clockid_t clock, struct timespec *t)
{
    return (int)bare_syscall(SYS_clock_gettime, clock, (long)t, 0, 0, 0, 0);
}

static ssize_t bare_read(int fd, void *bytes, size_t size)
{
    return bare_syscall(SYS_read, fd, (long)bytes, (long)size, 0, 0, 0);
}

static ssize_t bare_write(int fd, const void *bytes, size_t size)
{
    return bare_syscall(SYS_write, fd, (long)bytes, (long)size, 0, 0, 0);
}

static int bare_close(int fd)
{
    return (int)bare_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

#if defined(__x86_64__)
#define BASE_VERSION "GLIBC_2.2.5"
#else
#define BASE_VERSION "GLIBC_2.17"
#endif

static void *bare_dlsym(void *handle, const char *name)
{
    return dlvsym(handle, name, BASE_VERSION);
}

/* A malloc of the target may read a file or the clock while dlsym looks for the very functions that it needs. */
struct real real = {
    .syscall = bare_syscall,
    .clock_gettime = bare_clock_gettime,
    .read = bare_read,
    .write = bare_write,
    .close = bare_close,
    .dlsym = bare_dlsym,
};
_Atomic bool started;
struct block *_Atomic current_block;
struct slot *_Atomic current_slot;
_Atomic int waiters;
_Atomic uint32_t abandoned;

/* On x86-64 these have an older version of another shape, which a plain dlsym may return. */
static void *versioned(const char *name, void *(*plain)(void *, const char *))
{
    void *function = NULL;
    if (strncmp(name, "pthread_cond_", 13) == 0)
        function = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
    else if (strncmp(name, "timer_", 6) == 0)
        function = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.3");
    else if (strcmp(name, "dlsym") == 0)
        function = dlvsym(RTLD_NEXT, name, "GLIBC_2.34");
    if (!function)
        function = plain(RTLD_NEXT, name);
    return function;
}

static int join(const char *path);

/* At the first call, which may come from the constructor of another library, before ours: it must not see another time
 * than what follows. */
void start(void)
{
#define FIND(result, name, parameters) *(void **)&functions.name = versioned(#name, lookup);
    static _Atomic bool starting;
    const char *path = getenv("BROWNOUT_CLOCK");
    struct real functions;
    void *(*lookup)(void *, const char *);
    if (atomic_exchange(&starting, true))
        return; /* called by dlsym itself: the bare functions have to do */
    *(void **)&lookup = versioned("dlsym", bare_dlsym); /* ours stands in front of it */
    REAL_FUNCTIONS(FIND)
    real = functions;
    atomic_store_explicit(&started, true, memory_order_release);
    if (path && *path)
        join(path);
}

int64_t wall_clock(void)
{
    struct timespec t;
    real.clock_gettime(CLOCK_MONOTONIC, &t);
    return nanoseconds(&t);
}

/* A free slot of the block, or one whose process has died; the slot of the program that this one replaced is free. */
static struct slot *take_slot(struct block *block)
{
    int32_t self = getpid();
    for (struct slot *slot = block->slots; slot < block->slots + BLOCK_SLOTS; slot++)
        if (atomic_load_explicit(&slot->pid, memory_order_relaxed) == self)
            atomic_store_explicit(&slot->pid, 0, memory_order_relaxed);
    for (int i = 0; i < BLOCK_SLOTS; i++) {
        struct slot *slot = &block->slots[i];
        int32_t owner = atomic_load_explicit(&slot->pid, memory_order_relaxed);
        int kept = errno;
        bool free = owner == 0 || (kill(owner, 0) < 0 && errno == ESRCH);
        errno = kept;
        if (free && atomic_compare_exchange_strong(&slot->pid, &owner, self)) {
            atomic_store_explicit(&slot->seen, 0, memory_order_relaxed);
            atomic_store_explicit(&slot->image, image_of("/proc/self/auxv"), memory_order_release);
            return slot;
        }
    }
    return NULL;
}

static void enter(struct block *block)
{
    forget_waits(block);
    atomic_fetch_add_explicit(&block->attaches, 1, memory_order_relaxed);
    atomic_store_explicit(&current_slot, take_slot(block), memory_order_release);
    atomic_store_explicit(&current_block, block, memory_order_release);
}

static void leave(void)
{
    struct slot *slot = atomic_exchange(&current_slot, NULL);
    if (slot)
        atomic_store_explicit(&slot->pid, 0, memory_order_relaxed);
}

struct block *map_block(int fd)
{
    struct stat status;
    struct block *block;
    if (fstat(fd, &status) < 0 || status.st_size != BLOCK_BYTES)
        return NULL;
    block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (block == MAP_FAILED)
        return NULL;
    if (block->magic == BLOCK_MAGIC && block->version == BLOCK_VERSION)
        return block;
    munmap(block, BLOCK_BYTES);
    return NULL;
}

static int join(const char *path)
{
    struct block *block;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return -1;
    block = map_block(file);
    real.close(file);
    if (!block)
        return -1;
    leave();
    forget_timers();
    enter(block);
    adopt_timers();
    /* The kernel may end a wait 50 us late to save power, and every microsecond counts `rate` times. Threads and
     * processes started later inherit this. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    return 0;
}

/* Joins this process, and the children it forks, to the control block at `path`; null is real time again. For a worker
 * that forks a process for each scenario. The block left behind stays mapped: another thread may be reading it. */
WARPED int brownout_clock_attach(const char *path)
{
    ready();
    if (path)
        return join(path);
    atomic_store_explicit(&current_block, NULL, memory_order_release);
    leave();
    return 0;
}

/* A forked child is a process of its own, with one thread and none of its parent's timers. */
static void after_fork(void)
{
    struct block *block = atomic_load_explicit(&current_block, memory_order_relaxed);
    atomic_store_explicit(&waiters, 0, memory_order_relaxed);
    forget_timers();
    if (block)
        enter(block);
}

__attribute__((constructor)) static void loaded(void)
{
    ready();
    pthread_atfork(NULL, NULL, after_fork);
}

__attribute__((destructor)) static void unloaded(void)
{
    leave();
}

/* Reading clocks. */

WARPED int clock_gettime(clockid_t clock, struct timespec *t)
{
    struct block *block = attached();
    int64_t offset;
    if (!block || !warped_clock(block, clock, &offset))
        return real.clock_gettime(clock, t);
    mark(SEEN_READ);
    *t = as_timespec(now(block).target + offset);
    return 0;
}

static int64_t date(struct block *block)
{
    mark(SEEN_READ);
    return now(block).target + block->offset[CLOCK_REALTIME];
}

WARPED int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct block *block = attached();
    int64_t ns;
    if (!block)
        return real.gettimeofday(t, zone);
    if (zone && real.gettimeofday(t, zone) < 0)
        return -1;
    ns = date(block);
    *t = (struct timeval){.tv_sec = ns / SECOND, .tv_usec = ns % SECOND / 1000};
    return 0;
}

WARPED time_t time(time_t *t)
{
    struct block *block = attached();
    time_t seconds;
    if (block) {
        seconds = date(block) / SECOND;
    } else {
        struct timespec real_date;
        real.clock_gettime(CLOCK_REALTIME_COARSE, &real_date); /* as the C library does */
        seconds = real_date.tv_sec;
    }
    if (t)
        *t = seconds;
    return seconds;
}

WARPED int timespec_get(struct timespec *t, int base)
{
    struct block *block = attached();
    if (!block || base != TIME_UTC)
        return real.timespec_get(t, base);
    *t = as_timespec(date(block));
    return base;
}
