/* Loaded with LD_PRELOAD: writes down, in one order, what a process does to the files of one folder and what it sends.
 *
 * SHIM_FOLDER names the folder, SHIM_LOG the log, which several processes may share in turn. Each call is made and
 * noted under one mutex, and noted only after it returned: so whatever stands ahead of a sent answer in the log had
 * been done before it was sent, and a sync covers exactly the writes that stand ahead of it.
 *
 * A record is a head (below), the file's name relative to the folder, and the bytes written or sent.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct head {
    char what; /* W write, S sync, T truncate, U unlink, > send */
    char unused[3];
    uint32_t name_length;
    int64_t offset; /* of a write; the new size of a truncated file */
    uint64_t length;
};

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static int log_file = -1;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("SHIM_LOG");
    folder = getenv("SHIM_FOLDER");
    if (folder && path) log_file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void note(char what, const char *name, int64_t offset, const void *data, size_t length) {
    struct head head = {.what = what, .name_length = strlen(name), .offset = offset, .length = length};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)name, head.name_length}, {(void *)data, length}};
    size_t whole = sizeof head + head.name_length + length;
    if (syscall(SYS_writev, log_file, parts, 3) != (ssize_t)whole) abort(); /* a log with a gap proves nothing */
}

/* The name within the folder ("" for the folder itself), or NULL for what lies elsewhere. */
static const char *within(const char *path) {
    size_t length = strlen(folder);
    if (strncmp(path, folder, length) != 0) return NULL;
    return path[length] == '/' ? path + length + 1 : path[length] == 0 ? "" : NULL;
}

static const char *name_of(int file, char *room) {
    if (log_file < 0) return NULL;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, room, PATH_MAX);
    if (length < 0) return NULL;
    room[length] = 0;
    return within(room);
}

#define REAL(type, name, ...)                                                                                          \
    static type (*real)(__VA_ARGS__);                                                                                  \
    if (!real) real = dlsym(RTLD_NEXT, name);

#define WRITE_AT(call)                                                                                                 \
    ssize_t call(int file, const void *data, size_t length, off64_t offset) {                                         \
        REAL(ssize_t, #call, int, const void *, size_t, off64_t)                                                       \
        char room[PATH_MAX + 1];                                                                                       \
        const char *name = name_of(file, room);                                                                        \
        if (!name) return real(file, data, length, offset);                                                            \
        pthread_mutex_lock(&order);                                                                                    \
        ssize_t done = real(file, data, length, offset);                                                               \
        if (done > 0) note('W', name, offset, data, done);                                                             \
        pthread_mutex_unlock(&order);                                                                                  \
        return done;                                                                                                   \
    }
WRITE_AT(pwrite)
WRITE_AT(pwrite64)

ssize_t write(int file, const void *data, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t)
    char room[PATH_MAX + 1];
    const char *name = name_of(file, room);
    if (!name) return real(file, data, length);
    pthread_mutex_lock(&order);
    ssize_t done = real(file, data, length);
    if (done > 0) note('W', name, lseek(file, 0, SEEK_CUR) - done, data, done);
    pthread_mutex_unlock(&order);
    return done;
}

#define SYNC(call)                                                                                                     \
    int call(int file) {                                                                                               \
        REAL(int, #call, int)                                                                                          \
        char room[PATH_MAX + 1];                                                                                       \
        const char *name = name_of(file, room);                                                                        \
        if (!name) return real(file);                                                                                  \
        pthread_mutex_lock(&order);                                                                                    \
        int failed = real(file);                                                                                       \
        if (!failed) note('S', name, 0, NULL, 0);                                                                      \
        pthread_mutex_unlock(&order);                                                                                  \
        return failed;                                                                                                 \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(call)                                                                                                 \
    int call(int file, off64_t size) {                                                                                 \
        REAL(int, #call, int, off64_t)                                                                                 \
        char room[PATH_MAX + 1];                                                                                       \
        const char *name = name_of(file, room);                                                                        \
        if (!name) return real(file, size);                                                                            \
        pthread_mutex_lock(&order);                                                                                    \
        int failed = real(file, size);                                                                                 \
        if (!failed) note('T', name, size, NULL, 0);                                                                   \
        pthread_mutex_unlock(&order);                                                                                  \
        return failed;                                                                                                 \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int unlink(const char *path) {
    REAL(int, "unlink", const char *)
    const char *name = log_file < 0 ? NULL : within(path);
    if (!name) return real(path);
    pthread_mutex_lock(&order);
    int failed = real(path);
    if (!failed) note('U', name, 0, NULL, 0);
    pthread_mutex_unlock(&order);
    return failed;
}

ssize_t send(int socket, const void *data, size_t length, int flags) {
    REAL(ssize_t, "send", int, const void *, size_t, int)
    if (log_file < 0) return real(socket, data, length, flags);
    pthread_mutex_lock(&order);
    ssize_t done = real(socket, data, length, flags);
    if (done > 0) note('>', "", socket, data, done);
    pthread_mutex_unlock(&order);
    return done;
}
