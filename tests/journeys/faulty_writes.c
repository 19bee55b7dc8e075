/* Makes one write below a folder fail, or kills the process before it: loaded before the C library, it counts what
   changes files there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls_left = -1;
static int error_number;
static char folder[4096];

/* Make the call number `call`, counted from 0, fail with `error`, or kill the process before it if `error` is 0; then
   calls that change names count too. `left` tells how many calls are still to go before it. */
void arm(const char *below, long call, int error) {
    strncpy(folder, below, sizeof folder - 1);
    error_number = error;
    atomic_store(&calls_left, call);
}
long left(void) { return atomic_load(&calls_left); }

static int fails_at(const char *path) {
    if (atomic_load(&calls_left) < 0 || strncmp(path, folder, strlen(folder)) != 0) return 0;
    if (atomic_fetch_sub(&calls_left, 1) != 0) return 0;
    if (!error_number) kill(getpid(), SIGKILL);
    errno = error_number;
    return 1;
}

static int fails(int descriptor) {
    char link[64], path[4096];
    if (atomic_load(&calls_left) < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails_at(path);
}

/* Kill the process before a name is changed; a relative one is below the folder of a descriptor. */
static void before_name(int descriptor, const char *path) {
    if (error_number) return;
    if (path[0] == '/') fails_at(path);
    else fails(descriptor);
}

#define REAL(type, name) static type (*real)() = 0; if (!real) real = (type (*)())dlsym(RTLD_NEXT, #name)
#define WRAP(type, name, given, passed) \
    type name given { REAL(type, name); return fails(descriptor) ? (type)-1 : ((type (*) given)real) passed; }

WRAP(ssize_t, write, (int descriptor, const void *data, size_t size), (descriptor, data, size))
WRAP(ssize_t, pwrite, (int descriptor, const void *data, size_t size, off_t at), (descriptor, data, size, at))
WRAP(ssize_t, pwrite64, (int descriptor, const void *data, size_t size, off64_t at), (descriptor, data, size, at))
WRAP(ssize_t, writev, (int descriptor, const struct iovec *parts, int count), (descriptor, parts, count))
WRAP(ssize_t, copy_file_range, (int from, off64_t *start, int descriptor, off64_t *at, size_t size, unsigned flags),
     (from, start, descriptor, at, size, flags))
WRAP(ssize_t, sendfile, (int descriptor, int from, off_t *start, size_t size), (descriptor, from, start, size))
WRAP(ssize_t, sendfile64, (int descriptor, int from, off64_t *start, size_t size), (descriptor, from, start, size))
WRAP(int, ftruncate, (int descriptor, off_t size), (descriptor, size))
WRAP(int, ftruncate64, (int descriptor, off64_t size), (descriptor, size))
WRAP(int, fsync, (int descriptor), (descriptor))
WRAP(int, fdatasync, (int descriptor), (descriptor))

#define WRAP_NAME(name, given, passed, at, path) \
    int name given { REAL(int, name); before_name(at, path); return ((int (*) given)real) passed; }

WRAP_NAME(rename, (const char *from, const char *to), (from, to), -1, to)
WRAP_NAME(unlink, (const char *path), (path), -1, path)
WRAP_NAME(unlinkat, (int at, const char *path, int flags), (at, path, flags), at, path)
WRAP_NAME(rmdir, (const char *path), (path), -1, path)
WRAP_NAME(mkdir, (const char *path, mode_t mode), (path, mode), -1, path)
WRAP_NAME(link, (const char *from, const char *to), (from, to), -1, to)
WRAP_NAME(linkat, (int at, const char *from, int other, const char *to, int flags), (at, from, other, to, flags), other, to)
