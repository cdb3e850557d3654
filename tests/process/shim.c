/* Preloaded into a server: records what it asks of the disk under one folder, or makes that fail.
 *
 * SHIM_FOLDER  the folder, without links in its path; nothing elsewhere is looked at.
 * SHIM_RECORD  a file that every change and every sync is appended to, in order, each as one write: a
 *              struct record, then the name, then the data. Whoever else appends to it takes part in the
 *              same order. sync_file_range is not recorded: it makes nothing durable.
 * SHIM_FAULTS  a file of "CALLS ERRNO SKIP COUNT SERIAL": of CALLS (o: open for writing, w: write and
 *              truncate, s: sync, r: sync_file_range, p: read at a place), the first SKIP succeed and the next COUNT fail with
 *              ERRNO; with d among them, after a delay, with h never. A new SERIAL counts from the start. No file, no fault.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, MKDIR, WRITE, TRUNCATE, RENAME, UNLINK, SYNC_BEGIN, SYNC_END };

struct record {
    uint64_t kind, inode;
    int64_t at;
    uint64_t name_len, data_len;
};

/* Longer than any other call takes. */
#define DELAY_US 200000
#define REAL(name) ((__typeof__(&name))real(#name))

/* Held from a change to its record, so that the record's order is the disk's. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

/* Whether `path` is in the folder; its absolute form goes to `full`. */
static int ours(int dir, const char *path, char full[PATH_MAX]) {
    const char *folder = getenv("SHIM_FOLDER");
    if (!folder || !path) return 0;
    if (path[0] == '/') {
        snprintf(full, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX], link[64];
        snprintf(link, sizeof link, dir == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", dir);
        ssize_t len = readlink(link, base, sizeof base - 1);
        if (len < 0) return 0;
        base[len] = 0;
        if (snprintf(full, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
    }
    size_t len = strlen(folder);
    return !strncmp(full, folder, len) && (full[len] == 0 || full[len] == '/');
}

/* Whether `fd` is a file, or a folder, in the folder; says which. Sockets cost one fstat. */
static int ours_open(int fd, struct stat *status) {
    char link[64], path[PATH_MAX], full[PATH_MAX];
    if (!getenv("SHIM_FOLDER") || fstat(fd, status)) return 0;
    if (!S_ISREG(status->st_mode) && !S_ISDIR(status->st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0) return 0;
    path[len] = 0;
    return ours(AT_FDCWD, path, full);
}

static void put(uint64_t kind, uint64_t inode, int64_t at, const char *name, const void *data, uint64_t data_len) {
    static int fd = -1;
    const char *path = getenv("SHIM_RECORD");
    if (!path) return;
    int saved = errno;
    if (fd < 0) fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    struct record record = { kind, inode, at, name ? strlen(name) : 0, data_len };
    struct iovec parts[] = { { &record, sizeof record }, { (void *)name, record.name_len }, { (void *)data, data_len } };
    ssize_t all = (ssize_t)(sizeof record + record.name_len + data_len);
    if (fd < 0 || syscall(SYS_writev, fd, parts, 3) != all) abort();
    errno = saved;
}

/* Whether this call is to fail; errno then says how. */
static int fails(char call) {
    static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;
    static long serial = -1, seen = 0;
    const char *path = getenv("SHIM_FAULTS");
    if (!path) return 0;
    int saved = errno, fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return errno = saved, 0;
    char text[128] = "", calls[16] = "";
    long code = 0, skip = 0, count = 0, now = 0;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    errno = saved;
    if (len <= 0 || sscanf(text, "%15s %ld %ld %ld %ld", calls, &code, &skip, &count, &now) != 5) return 0;
    if (!strchr(calls, call)) return 0;
    pthread_mutex_lock(&counting);
    if (now != serial) serial = now, seen = 0;
    long place = seen++;
    pthread_mutex_unlock(&counting);
    if (place < skip || place >= skip + count) return 0;
    while (strchr(calls, 'h')) pause();
    if (strchr(calls, 'd')) usleep(DELAY_US);
    errno = (int)code;
    return 1;
}

/* A write over a limit is refused, as on a full disk, and does not end the process. */
__attribute__((constructor)) static void stay(void) {
    if (getenv("SHIM_FAULTS")) signal(SIGXFSZ, SIG_IGN);
}

static int opened(int dir, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    if (!ours(dir, path, full) || !(flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)))
        return REAL(openat)(dir, path, flags, mode);
    if (fails('o')) return -1;
    pthread_mutex_lock(&turn);
    struct stat status;
    int was_there = !fstatat(dir, path, &status, 0);
    int fd = REAL(openat)(dir, path, flags, mode);
    if (fd >= 0 && !fstat(fd, &status) && S_ISREG(status.st_mode)) {
        if (!was_there) put(CREATE, status.st_ino, 0, full, NULL, 0);
        else if (flags & O_TRUNC) put(TRUNCATE, status.st_ino, 0, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&turn);
    return fd;
}

#define MODE(flags) ({ mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } mode; })

int open(const char *path, int flags, ...) { mode_t mode = MODE(flags); return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { mode_t mode = MODE(flags); return opened(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { mode_t mode = MODE(flags); return opened(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { mode_t mode = MODE(flags); return opened(dir, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_TRUNC | O_WRONLY, mode); }

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
    struct stat status;
    if (!ours_open(fd, &status)) return REAL(pwrite)(fd, data, len, at);
    if (fails('w')) return -1;
    pthread_mutex_lock(&turn);
    ssize_t done = REAL(pwrite)(fd, data, len, at);
    if (done > 0) put(WRITE, status.st_ino, at, NULL, data, (uint64_t)done);
    pthread_mutex_unlock(&turn);
    return done;
}
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) { return pwrite(fd, data, len, at); }

ssize_t write(int fd, const void *data, size_t len) {
    struct stat status;
    if (!ours_open(fd, &status)) return REAL(write)(fd, data, len);
    if (fails('w')) return -1;
    pthread_mutex_lock(&turn);
    ssize_t done = REAL(write)(fd, data, len);
    if (done > 0) put(WRITE, status.st_ino, lseek(fd, 0, SEEK_CUR) - done, NULL, data, (uint64_t)done);
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct stat status;
    if (!ours_open(fd, &status)) return REAL(writev)(fd, parts, count);
    /* One part at a time: a short write is allowed, and callers go on from there. */
    for (int part = 0; part < count; part++)
        if (parts[part].iov_len > 0) return write(fd, parts[part].iov_base, parts[part].iov_len);
    return 0;
}

int ftruncate(int fd, off_t len) {
    struct stat status;
    if (!ours_open(fd, &status)) return REAL(ftruncate)(fd, len);
    if (fails('w')) return -1;
    pthread_mutex_lock(&turn);
    int done = REAL(ftruncate)(fd, len);
    if (!done) put(TRUNCATE, status.st_ino, len, NULL, NULL, 0);
    pthread_mutex_unlock(&turn);
    return done;
}
int ftruncate64(int fd, off64_t len) { return ftruncate(fd, len); }

ssize_t pread(int fd, void *data, size_t len, off_t at) {
    struct stat status;
    if (ours_open(fd, &status) && fails('p')) return -1;
    return REAL(pread)(fd, data, len, at);
}
ssize_t pread64(int fd, void *data, size_t len, off64_t at) { return pread(fd, data, len, at); }

/* Not used by the server; were it to be, the record would lie. */
int fallocate(int fd, int mode, off_t at, off_t len) {
    struct stat status;
    if (ours_open(fd, &status)) abort();
    return REAL(fallocate)(fd, mode, at, len);
}
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t len, unsigned flags) {
    struct stat status;
    if (ours_open(to, &status)) return errno = ENOSYS, -1;
    return REAL(copy_file_range)(from, from_at, to, to_at, len, flags);
}

static int renamed(int from_dir, const char *from, int to_dir, const char *to) {
    char full_from[PATH_MAX], full_to[PATH_MAX];
    int is_ours = ours(from_dir, from, full_from) & ours(to_dir, to, full_to);
    if (is_ours && fails('o')) return -1;
    pthread_mutex_lock(&turn);
    int done = REAL(renameat)(from_dir, from, to_dir, to);
    if (!done && is_ours) put(RENAME, 0, 0, full_from, full_to, strlen(full_to));
    pthread_mutex_unlock(&turn);
    return done;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    /* `renamed` finds the next one. */
    return renamed(from_dir, from, to_dir, to);
}

static int unlinked(int dir, const char *path, int flags) {
    char full[PATH_MAX];
    int is_ours = ours(dir, path, full);
    if (is_ours && fails('o')) return -1;
    pthread_mutex_lock(&turn);
    int done = REAL(unlinkat)(dir, path, flags);
    if (!done && is_ours) put(UNLINK, 0, 0, full, NULL, 0);
    pthread_mutex_unlock(&turn);
    return done;
}
int unlink(const char *path) { return unlinked(AT_FDCWD, path, 0); }
int unlinkat(int dir, const char *path, int flags) { return unlinked(dir, path, flags); }
int rmdir(const char *path) { return unlinked(AT_FDCWD, path, AT_REMOVEDIR); }

static int made(int dir, const char *path, mode_t mode) {
    char full[PATH_MAX];
    int is_ours = ours(dir, path, full);
    if (is_ours && fails('o')) return -1;
    pthread_mutex_lock(&turn);
    int done = REAL(mkdirat)(dir, path, mode);
    struct stat status;
    if (!done && is_ours && !fstatat(dir, path, &status, 0)) put(MKDIR, status.st_ino, 0, full, NULL, 0);
    pthread_mutex_unlock(&turn);
    return done;
}
int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int dir, const char *path, mode_t mode) { return made(dir, path, mode); }

/* What was written before the call is durable after it: both ends are recorded, without the turn. */
static int synced(int fd, int (*sync)(int)) {
    static uint64_t calls = 0;
    struct stat status;
    if (!ours_open(fd, &status)) return sync(fd);
    if (fails('s')) return -1;
    int64_t call = (int64_t)__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    put(SYNC_BEGIN, status.st_ino, call, NULL, NULL, 0);
    int done = sync(fd);
    if (!done) put(SYNC_END, status.st_ino, call, NULL, NULL, 0);
    return done;
}
int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

int sync_file_range(int fd, off64_t at, off64_t len, unsigned flags) {
    struct stat status;
    if (ours_open(fd, &status) && fails('r')) return -1;
    return REAL(sync_file_range)(fd, at, len, flags);
}
