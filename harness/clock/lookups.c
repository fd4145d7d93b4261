/* Programs that look a function up in the C library itself: older JVMs find clock_gettime in librt that way. They would
 * read one clock and wait by another, so they are given the function that stands in front.
 */
#include "warp.h"

#include <dlfcn.h>
#include <string.h>

#ifndef __SANITIZE_THREAD__ /* whose runtime needs the tail call below, and prevents it */

/* For a name that has a function in front of it, found in the C library and nowhere else: that function. */
static void *in_front(const char *name, void *function)
{
#define COMPARE(result, of, parameters)                                                                                \
    if (function == *(void **)&real.of && strcmp(name, #of) == 0)                                                      \
        return real.dlsym(RTLD_DEFAULT, name);
    if (function) {
        REAL_FUNCTIONS(COMPARE)
    }
    return function;
}

WARPED void *dlsym(void *restrict handle, const char *restrict name)
{
    ready();
    if (handle != RTLD_NEXT && handle != RTLD_DEFAULT)
        return in_front(name, real.dlsym(handle, name));
    /* A tail call: what comes next after the caller depends on who is seen to call. */
    return real.dlsym(handle, name);
}

#endif
