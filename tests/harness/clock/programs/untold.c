/* A thread waits three times for a while, in a way that nothing stands in front of; another waits for it, and gives it up
 * after a hundred seconds.
 *
 *     untold KIND
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static sem_t done;

static void *work(void *kind)
{
    for (int times = 0; times < 3; times++) {
        struct timespec t = {.tv_nsec = 200000000};
        struct sembuf one = {.sem_op = -1};
        int semaphore = semget(IPC_PRIVATE, 1, 0600);
        if (!strcmp(kind, "ppoll"))
            syscall(SYS_ppoll, NULL, 0, &t, NULL, 8);
        else if (!strcmp(kind, "pselect6"))
            syscall(SYS_pselect6, 0, NULL, NULL, NULL, &t, NULL);
        else
            semtimedop(semaphore, &one, 1, &t);
        semctl(semaphore, 0, IPC_RMID);
    }
    sem_post(&done);
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t thread;
    struct timespec end;
    if (count < 2)
        return 2;
    pthread_create(&thread, NULL, work, arguments[1]);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += 100;
    puts(sem_clockwait(&done, CLOCK_MONOTONIC, &end) ? "given up" : "done");
    return 0;
}
