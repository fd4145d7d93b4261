/* The functions that set, read, make and delete the kernel's timers. */
#include "timers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static bool settable(const struct itimerspec *value)
{
    return value && valid(&value->it_value) && valid(&value->it_interval) && value->it_value.tv_sec >= 0 &&
           value->it_interval.tv_sec >= 0;
}

/* timerfd */

/* Which clock a timer file is on; the kernel says so in its description. */
static clockid_t clock_of_file(int file)
{
    char path[40] = "/proc/self/fdinfo/", text[512], digits[12], *found_at;
    int length = 0, description;
    ssize_t size;
    for (unsigned rest = (unsigned)file; length == 0 || rest; rest /= 10)
        digits[length++] = (char)('0' + rest % 10);
    for (size_t end = strlen(path); length > 0; end++)
        path[end] = digits[--length];
    description = open(path, O_RDONLY | O_CLOEXEC);
    if (description < 0)
        return CLOCK_MONOTONIC;
    size = real.read(description, text, sizeof text - 1);
    real.close(description);
    text[size > 0 ? size : 0] = 0;
    found_at = strstr(text, "clockid: ");
    return found_at && found_at[9] >= '0' && found_at[9] <= '9' ? found_at[9] - '0' : CLOCK_MONOTONIC;
}

WARPED int timerfd_settime(int file, int flags, const struct itimerspec *value, struct itimerspec *old)
{
    struct block *block = attached();
    struct timer timer = {.kind = FILE_TIMER, .file = file};
    bool absolute = flags & TFD_TIMER_ABSTIME;
    int64_t offset = 0;
    if (!block || !settable(value) || (absolute && !warped_clock(block, clock_of_file(file), &offset)))
        return real.timerfd_settime(file, flags, value, old);
    return set_timer(&timer, block, absolute, offset, value, old);
}

WARPED int timerfd_gettime(int file, struct itimerspec *value)
{
    struct block *block = attached();
    struct timer timer = {.kind = FILE_TIMER, .file = file};
    return block ? get_timer(&timer, block, value) : real.timerfd_gettime(file, value);
}

/* POSIX timers */

WARPED int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict id)
{
    struct block *block = attached();
    int64_t offset;
    int result = real.timer_create(clock, event, id);
    if (result == 0 && block && warped_clock(block, clock, &offset)) {
        struct timer timer = {.kind = POSIX_TIMER, .posix = *id, .clock = clock};
        enlist_timer(&timer);
    }
    return result;
}

WARPED int timer_delete(timer_t id)
{
    struct timer wanted = {.kind = POSIX_TIMER, .posix = id};
    if (attached())
        strike_timer(&wanted);
    return real.timer_delete(id);
}

WARPED int timer_settime(timer_t id, int flags, const struct itimerspec *restrict value, struct itimerspec *restrict old)
{
    struct block *block = attached();
    struct timer timer = {.kind = POSIX_TIMER, .posix = id};
    int64_t offset;
    if (!block || !settable(value) || !warped_timer(block, &timer, &offset))
        return real.timer_settime(id, flags, value, old);
    return set_timer(&timer, block, flags & TIMER_ABSTIME, offset, value, old);
}

WARPED int timer_gettime(timer_t id, struct itimerspec *value)
{
    struct block *block = attached();
    struct timer timer = {.kind = POSIX_TIMER, .posix = id};
    return block ? get_timer(&timer, block, value) : real.timer_gettime(id, value);
}

/* setitimer and alarm: one timer of the process */

static struct itimerspec from_timeval(const struct itimerval *value)
{
    return (struct itimerspec){
        .it_value = {value->it_value.tv_sec, value->it_value.tv_usec * 1000},
        .it_interval = {value->it_interval.tv_sec, value->it_interval.tv_usec * 1000},
    };
}

static struct itimerval to_timeval(const struct itimerspec *value)
{
    return (struct itimerval){.it_value = rounded_up(&value->it_value), .it_interval = rounded_up(&value->it_interval)};
}

WARPED int setitimer(__itimer_which_t which, const struct itimerval *restrict value, struct itimerval *restrict old)
{
    struct block *block = attached();
    struct timer timer = {.kind = PROCESS_TIMER};
    struct itimerspec target = value ? from_timeval(value) : (struct itimerspec){.it_interval = {0}}, old_target;
    if (!block || which != ITIMER_REAL || !settable(&target))
        return real.setitimer(which, value, old);
    if (set_timer(&timer, block, false, 0, &target, old ? &old_target : NULL) < 0)
        return -1;
    if (old)
        *old = to_timeval(&old_target);
    return 0;
}

WARPED int getitimer(__itimer_which_t which, struct itimerval *value)
{
    struct block *block = attached();
    struct timer timer = {.kind = PROCESS_TIMER};
    struct itimerspec target;
    if (!block || which != ITIMER_REAL)
        return real.getitimer(which, value);
    if (get_timer(&timer, block, &target) < 0)
        return -1;
    *value = to_timeval(&target);
    return 0;
}

WARPED unsigned alarm(unsigned seconds)
{
    struct itimerval value = {.it_value = {.tv_sec = seconds}}, old = {.it_value = {0}};
    setitimer(ITIMER_REAL, &value, &old);
    /* As the kernel rounds it: never 0 while it is set. */
    return (unsigned)(old.it_value.tv_sec + (old.it_value.tv_usec >= 500000 || (!old.it_value.tv_sec && old.it_value.tv_usec)));
}

WARPED useconds_t ualarm(useconds_t us, useconds_t interval)
{
    struct itimerval value = {.it_value = {us / 1000000, us % 1000000}, .it_interval = {interval / 1000000, interval % 1000000}};
    struct itimerval old = {.it_value = {0}};
    setitimer(ITIMER_REAL, &value, &old);
    return (useconds_t)(old.it_value.tv_sec * 1000000 + old.it_value.tv_usec);
}
