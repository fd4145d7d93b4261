/* Which waits a signal has interrupted.
 *
 * A handler that runs between two slices, or just as one ends, interrupts nothing: the next slice would go on as if it
 * had not been, and a program that stops sleeping when it is told to would sleep on. So handlers are installed behind
 * one of ours, which counts before it calls them, for each thread. The program sees its own handlers when it asks.
 * Faults (SIGSEGV and its kin) come of the program's own doing, not into its waits, and keep their handlers as they are.
 */
#include "warp.h"

typedef void plain_handler(int);
typedef void full_handler(int, siginfo_t *, void *);

_Thread_local volatile unsigned signals_handled, changes_handled;

static plain_handler *_Atomic plain_handlers[NSIG];
static full_handler *_Atomic full_handlers[NSIG];

static void count_plain(int number)
{
    if (being_told(number))
        return;
    signals_handled++;
    atomic_load_explicit(&plain_handlers[number], memory_order_acquire)(number);
}

static void count_full(int number, siginfo_t *from, void *context)
{
    if (being_told(number))
        return;
    signals_handled++;
    atomic_load_explicit(&full_handlers[number], memory_order_acquire)(number, from, context);
}

static bool counted(int number, const struct sigaction *action)
{
    switch (number) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
        return false;
    default:
        return number > 0 && number < NSIG && action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
    }
}

/* A handler's place is written before the kernel knows of it, and not when a signal is to be ignored again: the child of
 * a vfork does that in its parent's memory. */
WARPED int sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict old)
{
    struct sigaction ours, before;
    plain_handler *plain = NULL;
    full_handler *full = NULL;
    ready();
    if (number == SIGURG && action && keeps_listening(action))
        action = NULL; /* our handler does as little as none */
    if (number > 0 && number < NSIG) {
        plain = atomic_load(&plain_handlers[number]);
        full = atomic_load(&full_handlers[number]);
    }
    if (action && counted(number, action) && action->sa_handler != count_plain && action->sa_sigaction != count_full) {
        ours = *action;
        if (action->sa_flags & SA_SIGINFO) {
            atomic_store(&full_handlers[number], action->sa_sigaction);
            ours.sa_sigaction = count_full;
        } else {
            atomic_store(&plain_handlers[number], action->sa_handler);
            ours.sa_handler = count_plain;
        }
        action = &ours;
    }
    if (real.sigaction(number, action, &before) < 0)
        return -1;
    if (before.sa_handler == count_plain)
        before.sa_handler = plain;
    else if (before.sa_sigaction == count_full)
        before.sa_sigaction = full;
    else if (before.sa_sigaction == change_heard)
        before = (struct sigaction){.sa_handler = SIG_DFL};
    if (old)
        *old = before;
    return 0;
}

static sighandler_t install(int number, sighandler_t handler, int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags}, old;
    if (handler == SIG_ERR) {
        errno = EINVAL;
        return SIG_ERR;
    }
    sigemptyset(&action.sa_mask);
    if (!(flags & SA_NODEFER))
        sigaddset(&action.sa_mask, number);
    return sigaction(number, &action, &old) < 0 ? SIG_ERR : old.sa_handler;
}

/* siginterrupt() decides whether it is SA_RESTART; it keeps what it was told where only the C library can see it. */
WARPED sighandler_t signal(int number, sighandler_t handler)
{
    struct sigaction old;
    sighandler_t before;
    ready();
    if (number == SIGURG && !counted(number, &(struct sigaction){.sa_handler = handler}))
        return install(number, handler, SA_RESTART);
    if (sigaction(number, NULL, &old) < 0 || !counted(number, &(struct sigaction){.sa_handler = handler}))
        return real.signal(number, handler) == SIG_ERR ? SIG_ERR : old.sa_handler;
    if (real.signal(number, handler) == SIG_ERR)
        return SIG_ERR;
    before = old.sa_handler;
    if (sigaction(number, NULL, &old) == 0)
        sigaction(number, &old, NULL);
    return before;
}

WARPED sighandler_t __sysv_signal(int number, sighandler_t handler)
{
    return install(number, handler, SA_RESETHAND | SA_NODEFER);
}

WARPED sighandler_t sysv_signal(int number, sighandler_t handler)
{
    return install(number, handler, SA_RESETHAND | SA_NODEFER);
}
