/* Counts waits that a signal interrupts though nobody has sent this program one.
 *
 *     strays SECONDS
 *
 * Threads sleep for a while, and then wait, without a limit, until they are woken; such a wait ends with EINTR when a signal
 * is handled meanwhile, whatever its handler asks for. Prints how many did.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4

static int woken[THREADS];
static _Atomic int interrupted;

static void sleep_ms(int ms)
{
    struct timespec t = {0, ms * 1000000};
    nanosleep(&t, NULL);
}

static void sleep_and_wait(int which, int round)
{
    struct pollfd file = {woken[which], POLLIN, 0};
    uint64_t times;
    sleep_ms(20 + (round * 7 + which * 11) % 40);
    while (read(file.fd, &times, sizeof times) > 0)
        ; /* what came while it slept */
    while (poll(&file, 1, -1) < 0)
        interrupted += errno == EINTR;
}

static void *keep_on(void *which)
{
    for (int round = 0;; round++)
        sleep_and_wait((int)(intptr_t)which, round);
    return NULL;
}

static void *wake(void *unused)
{
    for (;;) {
        sleep_ms(10);
        for (int i = 0; i < THREADS; i++)
            eventfd_write(woken[i], 1);
    }
    return unused;
}

int main(int count, char **arguments)
{
    pthread_t thread;
    time_t end = time(NULL) + (count > 1 ? atoi(arguments[1]) : 1);
    for (int i = 0; i < THREADS; i++)
        woken[i] = eventfd(0, EFD_NONBLOCK);
    pthread_create(&thread, NULL, wake, NULL);
    for (intptr_t i = 1; i < THREADS; i++)
        pthread_create(&thread, NULL, keep_on, (void *)i);
    for (int round = 0; time(NULL) <= end; round++)
        sleep_and_wait(0, round);
    printf("%d\n", interrupted);
    return 0;
}
