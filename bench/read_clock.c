/* Says how many nanoseconds of CPU time one reading of the clock takes: the best of several rounds. */
#include <stdio.h>
#include <time.h>

enum { ROUNDS = 15, READINGS = 500000 };

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double begun = cpu(), took;
        struct timespec t;
        for (int i = 0; i < READINGS; i++)
            clock_gettime(CLOCK_MONOTONIC, &t);
        took = (cpu() - begun) / READINGS;
        best = took < best ? took : best;
    }
    printf("%.1f\n", best);
    return 0;
}
