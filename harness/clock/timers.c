/* The kernel's own timers: timerfd, POSIX timers, setitimer and alarm.
 *
 * They fire by themselves, so that a slice is of no use: each is set in wall time for the line that holds when it is set,
 * and set again when the line changes. Its next expiry in wall time, which the kernel tells, and the line that it was set
 * by say which moment of target time it stands for; nothing else needs to be remembered, for repeating timers either.
 *
 * So that time can leap to it, a timer's moment is told to the harness in the control block, with the sequence number of
 * the line that it was set by: until all timers have been set by the line that holds, nothing leaps. Of a program that
 * cannot hear of changes no timers are told, and nothing leaps. A leap over several expiries of a repeating timer is one.
 */
#include "timers.h"

#define TIMERS 256
static struct timer timers[TIMERS]; /* touched only between hold and let_go */
static _Atomic bool busy;

/* Signals are blocked meanwhile: a handler may well set a timer, or be told of a change. */
static sigset_t hold(void)
{
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    while (atomic_exchange_explicit(&busy, true, memory_order_acquire))
        sched_yield();
    return before;
}

static void let_go(const sigset_t *before)
{
    atomic_store_explicit(&busy, false, memory_order_release);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void withdraw(struct timer *timer)
{
    if (timer->told)
        withdraw_timer(timer->told);
    timer->told = NULL;
}

static void drop(struct timer *timer)
{
    withdraw(timer);
    timer->kind = FREE;
}

/* Says what a timer has just been set to, in target time. One that fires at once is not waited for. */
static void tell(struct timer *timer, struct block *block, uint32_t sequence, const struct itimerspec *target, bool heard)
{
    int64_t rest = nanoseconds(&target->it_value), every = nanoseconds(&target->it_interval);
    int64_t moment = added(timer->line.target, rest > 1 ? rest : every > 0 ? every : INT64_MAX);
    if (!timer->running)
        withdraw(timer);
    else if (!heard || !(timer->told = tell_timer(block, timer->told, moment, every, sequence)))
        mark(HAS_UNTOLD_TIMERS);
}

static int real_get(const struct timer *timer, struct itimerspec *wall)
{
    struct itimerval old;
    int result;
    if (timer->kind == FILE_TIMER)
        return real.timerfd_gettime(timer->file, wall);
    if (timer->kind == POSIX_TIMER)
        return real.timer_gettime(timer->posix, wall);
    result = real.getitimer(ITIMER_REAL, &old);
    wall->it_value = (struct timespec){old.it_value.tv_sec, old.it_value.tv_usec * 1000};
    wall->it_interval = (struct timespec){old.it_interval.tv_sec, old.it_interval.tv_usec * 1000};
    return result;
}

struct timeval rounded_up(const struct timespec *t)
{
    int64_t us = added(nanoseconds(t), 999) / 1000;
    return (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
}

static int real_set(const struct timer *timer, const struct itimerspec *wall)
{
    struct itimerval value;
    if (timer->kind == FILE_TIMER)
        return real.timerfd_settime(timer->file, 0, wall, NULL);
    if (timer->kind == POSIX_TIMER)
        return real.timer_settime(timer->posix, 0, wall, NULL);
    value.it_value = rounded_up(&wall->it_value);
    value.it_interval = rounded_up(&wall->it_interval);
    return real.setitimer(ITIMER_REAL, &value, NULL);
}

/* What a timer is set to, in target time, from what the kernel says of it. */
static struct itimerspec in_target_time(const struct timer *timer, const struct itimerspec *wall, const struct instant *at)
{
    struct itimerspec target = {.it_interval = {0}};
    int64_t value = nanoseconds(&wall->it_value), interval = nanoseconds(&wall->it_interval);
    if (value > 0) {
        int64_t rest = target_at(&timer->line, added(at->wall, value)) - at->target;
        target.it_value = as_timespec(rest > 0 ? rest : 1);
    }
    target.it_interval = as_timespec((int64_t)(((__int128)interval * timer->line.rate) >> 32));
    return target;
}

static struct itimerspec in_wall_time(const struct itimerspec *target, const struct instant *at)
{
    return (struct itimerspec){
        .it_value = as_timespec(wall_span(at->rate, nanoseconds(&target->it_value))),
        .it_interval = as_timespec(wall_span(at->rate, nanoseconds(&target->it_interval))),
    };
}

/* Wall time after which a timer that is due fires: when this thread, which is likely the one that its signal is meant for,
 * takes signals again. The kernel gives it to another one otherwise, and Python's main thread, say, sleeps on. Until then
 * it is told of as one that is waited for, or the signal that tells of the next leap is in its way. */
#define TAKEN_WITHIN (SECOND / 1000)

static void move(struct timer *timer, struct block *block)
{
    struct itimerspec wall, target;
    uint32_t sequence = atomic_load(&block->sequence); /* before the line: one that is newer is told of again */
    struct instant at = now(block);
    int64_t soon = (int64_t)(((__int128)TAKEN_WITHIN * (__int128)at.rate) >> 32);
    if (real_get(timer, &wall) < 0) { /* its file was closed */
        drop(timer);
        return;
    }
    if (nanoseconds(&wall.it_value) == 0) /* the kernel sets a repeating one again when its signal is taken */
        wall.it_value = wall.it_interval;
    timer->running = nanoseconds(&wall.it_value) > 0;
    target = in_target_time(timer, &wall, &at);
    timer->line = at;
    if (timer->kind != FILE_TIMER && nanoseconds(&target.it_value) < soon)
        target.it_value = as_timespec(soon);
    if (timer->running) {
        wall = in_wall_time(&target, &at);
        real_set(timer, &wall);
    }
    tell(timer, block, sequence, &target, true);
}

/* Once no timer is set any more, nobody has to tell of any. */
void move_timers(void)
{
    struct block *block = attached();
    struct slot *slot = atomic_load_explicit(&current_slot, memory_order_acquire);
    sigset_t before;
    bool any = false;
    if (!block || !slot || !(atomic_load_explicit(&slot->seen, memory_order_relaxed) & HAS_TIMERS))
        return;
    before = hold();
    for (struct timer *timer = timers; timer < timers + TIMERS; timer++) {
        if (timer->kind != FREE && timer->running)
            move(timer, block);
        any |= timer->kind != FREE && timer->running;
    }
    if (!any)
        atomic_fetch_and_explicit(&slot->seen, ~(uint32_t)(HAS_TIMERS | HAS_UNTOLD_TIMERS), memory_order_relaxed);
    let_go(&before);
}

/* A child has none of its parent's timers, and those in files that it shares stay its parent's. */
void forget_timers(void)
{
    for (struct timer *timer = timers; timer < timers + TIMERS; timer++)
        *timer = (struct timer){.kind = FREE};
    atomic_store(&busy, false);
}

static bool same(const struct timer *a, const struct timer *b)
{
    return a->kind == b->kind && a->file == b->file && a->posix == b->posix;
}

/* The place of a timer in the table; null when it has none and there is none to be had. */
static struct timer *place_of(const struct timer *wanted, bool make)
{
    struct timer *free = NULL;
    for (struct timer *timer = timers; timer < timers + TIMERS; timer++) {
        if (same(timer, wanted))
            return timer;
        if (!free && (timer->kind == FREE || (timer->kind == FILE_TIMER && !timer->running)))
            free = timer;
    }
    if (make && free)
        *free = *wanted;
    return make ? free : NULL;
}

/* The alarm of the program that this one replaced by exec is still set. */
void adopt_timers(void)
{
    struct block *block = attached();
    struct timer alarm_clock = {.kind = PROCESS_TIMER, .running = true, .line = now(block)};
    struct itimerspec wall;
    if (real_get(&alarm_clock, &wall) == 0 && nanoseconds(&wall.it_value) > 0) {
        sigset_t before = hold();
        if (listens(&before)) {
            mark(HAS_TIMERS);
            move(place_of(&alarm_clock, true), block);
        } else {
            mark(HAS_UNTOLD_TIMERS);
        }
        let_go(&before);
    }
}

int get_timer(const struct timer *wanted, const struct block *block, struct itimerspec *target)
{
    sigset_t before = hold();
    struct timer *timer = place_of(wanted, false);
    int result = real_get(wanted, target);
    if (result == 0 && timer && timer->running) {
        struct instant at = now(block);
        *target = in_target_time(timer, target, &at);
    }
    let_go(&before);
    return result;
}

int set_timer(const struct timer *wanted, struct block *block, bool absolute, int64_t offset,
              const struct itimerspec *target, struct itimerspec *old)
{
    struct itimerspec relative = *target, wall;
    struct timer *timer, spare = *wanted;
    sigset_t before;
    uint32_t sequence;
    bool heard;
    int result;
    if (old && get_timer(wanted, block, old) < 0)
        return -1;
    before = hold();
    timer = place_of(wanted, true);
    heard = timer && listens(&before);
    if (heard)
        mark(HAS_TIMERS);
    if (!timer)
        timer = &spare; /* one of too many: it fires by the line of this moment */
    sequence = atomic_load(&block->sequence);
    timer->line = now(block);
    timer->running = nanoseconds(&target->it_value) > 0;
    if (absolute && timer->running) {
        int64_t rest = added(nanoseconds(&target->it_value), -offset) - timer->line.target;
        relative.it_value = as_timespec(rest > 0 ? rest : 1);
    }
    wall = in_wall_time(&relative, &timer->line);
    result = real_set(timer, &wall);
    if (result == 0)
        tell(timer, block, sequence, &relative, heard);
    else if (timer->kind == FILE_TIMER)
        drop(timer);
    let_go(&before);
    if (result == 0)
        mark(SEEN_WAIT);
    return result;
}

void enlist_timer(const struct timer *made)
{
    sigset_t before = hold();
    place_of(made, true);
    let_go(&before);
}

void strike_timer(const struct timer *wanted)
{
    sigset_t before = hold();
    struct timer *timer = place_of(wanted, false);
    if (timer)
        drop(timer);
    let_go(&before);
}

/* A timer made on a clock that is left alone, or before this process was attached, is not in the table. */
bool warped_timer(const struct block *block, const struct timer *wanted, int64_t *offset)
{
    sigset_t before = hold();
    const struct timer *timer = place_of(wanted, false);
    bool answer = timer && warped_clock(block, timer->clock, offset);
    let_go(&before);
    return answer;
}
