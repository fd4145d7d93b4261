/* What a process tells the harness of the timers that the kernel keeps for it, and how it hears that the line has changed.
 *
 * The harness says so with SIGURG: ignored where nobody handles it (in a program just started by exec), of no use to
 * anybody else, and with SA_RESTART. A program that handles SIGURG itself keeps it, and hears of no changes: its timers
 * then move when it next sets or reads one. Others see nothing of our handler when they ask.
 *
 * A process whose timers have to be moved is sent it as a whole, and each thread that waits and is to look at the block by
 * itself, while it waits and never else (see `place`). The signal ends what the kernel waits for with EINTR. Where the C
 * library then goes on waiting, our handler has moved the moment until which it does, which it hands on to the kernel
 * from where we keep it. One that kept a copy would be late by a slice.
 */
#include "warp.h"

#include <stdlib.h>
#include <string.h>

enum { NOT_YET, LISTENING, NEVER };
static _Atomic int listening;

struct kept_timer *tell_timer(struct block *block, struct kept_timer *told, int64_t moment, int64_t every, uint32_t sequence)
{
    int32_t self = getpid();
    for (struct kept_timer *free = block->timers; !told && free < block->timers + BLOCK_TIMERS; free++) {
        int32_t nobody = 0;
        if (atomic_load_explicit(&free->pid, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&free->pid, &nobody, self))
            told = free;
    }
    if (told) {
        atomic_store_explicit(&told->every, every, memory_order_relaxed);
        atomic_store_explicit(&told->sequence, sequence, memory_order_relaxed);
        atomic_store_explicit(&told->moment, moment, memory_order_release);
    }
    return told;
}

void withdraw_timer(struct kept_timer *told)
{
    atomic_store_explicit(&told->moment, INT64_MAX, memory_order_relaxed);
    atomic_store_explicit(&told->pid, 0, memory_order_release);
}

#define SHARED_TLS _Thread_local __attribute__((tls_model("initial-exec")))
static SHARED_TLS struct place *volatile listening_at; /* of this thread; null while it is deaf */
static SHARED_TLS struct timespec *volatile until;     /* what to cut short, if anything */

/* Timers are moved by the thread to which the kernel gives what is sent to the process. That is the first one, which is
 * likely to be meant by their signals, too: while it waits here for another thread that moves them, it takes none. */
void change_heard(int number, siginfo_t *from, void *context)
{
    int kept = errno;
    (void)number, (void)context;
    changes_handled++;
    if (until)
        *until = (struct timespec){0};
    if (from && from->si_code != SI_TKILL)
        move_timers();
    errno = kept;
}

bool being_told(int number)
{
    struct place *place = listening_at;
    if (number != SIGURG || !place || atomic_load(&place->hearing) < BEING_TOLD)
        return false;
    change_heard(number, NULL, NULL);
    return true;
}

static int listen_for_changes(void)
{
    struct sigaction old, ours = {.sa_sigaction = change_heard, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    int answer = NEVER;
    if (real.sigaction(SIGURG, NULL, &old) == 0 &&
        (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN || old.sa_sigaction == change_heard) &&
        real.sigaction(SIGURG, &ours, NULL) == 0)
        answer = LISTENING;
    atomic_store(&listening, answer);
    return answer;
}

static bool hears(void)
{
    int state = atomic_load_explicit(&listening, memory_order_relaxed);
    return (state == NOT_YET ? listen_for_changes() : state) == LISTENING;
}

bool begin_listening(struct wait *wait)
{
    sigset_t blocked;
    const sigset_t *mask = wait->mask ? wait->mask : &blocked;
    if (!wait->place || !hears() || (!wait->mask && pthread_sigmask(SIG_BLOCK, NULL, &blocked)) || sigismember(mask, SIGURG))
        return false;
    wait->listens = true;
    listening_at = wait->place;
    atomic_store(&wait->place->hearing, LISTENS);
    return true;
}

void listen_until(struct wait *wait, struct timespec *end)
{
    if (!wait->listens)
        return;
    until = end;
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load(&wait->place->hearing) != LISTENS) /* told before there was anything to cut short */
        *end = (struct timespec){0};
}

void end_listening(struct wait *wait)
{
    uint32_t hearing = LISTENS;
    int64_t first = 0;
    if (!wait->listens)
        return;
    while (!atomic_compare_exchange_strong(&wait->place->hearing, &hearing, DEAF) && hearing == BEING_TOLD) {
        if (first == 0)
            first = wall_clock();
        else if (wall_clock() - first > PATIENCE)
            break; /* the harness has died over it */
        sched_yield();
        hearing = LISTENS;
    }
    if (hearing != LISTENS) {
        sched_yield(); /* on the way back from the kernel a signal that has been sent is taken */
        wait->told = true;
        atomic_store(&wait->place->hearing, DEAF);
    }
    wait->listens = false;
    until = NULL;
    listening_at = NULL;
}

/* What is sent to a process reaches a thread that does not block it; the first, above all. */
static bool first_thread_blocks(void)
{
    char text[4096];
    const char *blocked;
    if (contents("/proc/self/status", text, sizeof text) < 0 || !(blocked = strstr(text, "\nSigBlk:\t")))
        return true;
    return strtoull(blocked + 9, NULL, 16) >> (SIGURG - 1) & 1;
}

bool listens(const sigset_t *blocked)
{
    return hears() && (!sigismember(blocked, SIGURG) || !first_thread_blocks());
}

static void tell_of_none(void)
{
    struct slot *slot = atomic_load_explicit(&current_slot, memory_order_acquire);
    if (slot && (atomic_load_explicit(&slot->seen, memory_order_relaxed) & HAS_TIMERS)) {
        mark(HAS_UNTOLD_TIMERS);
        atomic_fetch_and_explicit(&slot->seen, ~(uint32_t)HAS_TIMERS, memory_order_relaxed);
    }
}

bool keeps_listening(const struct sigaction *instead)
{
    if (atomic_load_explicit(&listening, memory_order_relaxed) != LISTENING)
        return false;
    if (instead->sa_handler == SIG_DFL || instead->sa_handler == SIG_IGN)
        return true;
    atomic_store(&listening, NEVER);
    tell_of_none();
    return false;
}
