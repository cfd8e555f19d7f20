/* A disk that fails, for one process: preloaded, it answers calls on files below a folder as a bad disk would.
 *
 * FAULT_MARK   the part of a path that says that a file is meant
 * FAULT_CALL   write, sync, rename, unlink or truncate
 * FAULT_AT     which of these calls is the first to fail, from 1; 0 only counts them
 * FAULT_MODE   once; on (that one and all later ones, of every kind); half (a write is short, and the next one
 *              fails); done (it is carried out, and answered as failed); lost (of a sync: what was written
 *              before it is noted, because the system never writes it again)
 * FAULT_ERRNO  the error
 * FAULT_LOG    gets a line for each fault, and at the end "total N"
 * FAULT_LOST   gets what is lost: inode, offset, lengths, the old bytes and the new ones
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static const char *mark, *kind, *mode, *log_path, *lost_path;
static long at, count, faults;
static int error_number = EIO;

struct record {
    unsigned long inode;
    long offset;
    size_t old_length, new_length;
    char *bytes;
    struct record *next;
};
static struct record *records;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_sync_range)(int, off64_t, off64_t, unsigned);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_unlinkat)(int, const char *, int);
static int (*real_ftruncate)(int, off64_t);

__attribute__((constructor)) static void start(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_sync_range = dlsym(RTLD_NEXT, "sync_file_range");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_unlinkat = dlsym(RTLD_NEXT, "unlinkat");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    mark = getenv("FAULT_MARK");
    kind = getenv("FAULT_CALL");
    mode = getenv("FAULT_MODE");
    log_path = getenv("FAULT_LOG");
    lost_path = getenv("FAULT_LOST");
    if (getenv("FAULT_AT")) at = atol(getenv("FAULT_AT"));
    if (getenv("FAULT_ERRNO")) error_number = atoi(getenv("FAULT_ERRNO"));
    if (!kind || !mode || !log_path) mark = NULL;
}

static void note(const char *text) {
    int out = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0) return;
    if (real_write(out, text, strlen(text)) < 0) abort();
    close(out);
}

__attribute__((destructor)) static void end(void) {
    char line[64];
    if (!mark) return;
    snprintf(line, sizeof line, "total %ld\n", count);
    note(line);
}

static int meant(const char *path) { return mark && strstr(path, mark) != NULL; }

static int meant_fd(int fd) {
    char link[64], path[4096];
    if (!mark) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return meant(path);
}

/* Whether this call fails. */
static int fails(const char *call) {
    int failing = 0;
    char line[128];
    pthread_mutex_lock(&turn);
    int same = strcmp(call, kind) == 0;
    if (same) count++;
    if (at > 0) {
        if (strcmp(mode, "on") == 0)
            failing = faults > 0 || (same && count >= at);
        else
            failing = same && (count == at || (count == at + 1 && strcmp(mode, "half") == 0));
    }
    if (failing) faults++;
    pthread_mutex_unlock(&turn);
    if (failing && faults <= 3) {
        snprintf(line, sizeof line, "%s %ld\n", call, count);
        note(line);
    }
    return failing;
}

static int is(const char *name) { return strcmp(mode, name) == 0; }

/* Keeps what a write replaces, until it is durable. */
static void keep(int fd, const void *bytes, size_t length, long offset) {
    struct stat file;
    char link[64];
    if (!lost_path || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return;
    struct record *one = calloc(1, sizeof *one);
    one->bytes = malloc(length * 2 + 1);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int in = open(link, O_RDONLY | O_CLOEXEC);
    ssize_t old = in < 0 ? 0 : pread64(in, one->bytes, length, offset);
    if (in >= 0) close(in);
    one->old_length = old < 0 ? 0 : (size_t)old;
    one->new_length = length;
    memcpy(one->bytes + one->old_length, bytes, length);
    one->inode = file.st_ino;
    one->offset = offset;
    pthread_mutex_lock(&turn);
    one->next = records;
    records = one;
    pthread_mutex_unlock(&turn);
}

/* The writes to this file are durable, or lost for ever. */
static void settle(int fd, int lost) {
    struct stat file;
    if (!lost_path || fstat(fd, &file) != 0) return;
    pthread_mutex_lock(&turn);
    int out = lost ? open(lost_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    struct record **from = &records;
    while (*from) {
        struct record *one = *from;
        if (one->inode != file.st_ino) {
            from = &one->next;
            continue;
        }
        if (out >= 0) {
            unsigned long head[4] = {one->inode, one->offset, one->old_length, one->new_length};
            if (real_write(out, head, sizeof head) < 0 ||
                real_write(out, one->bytes, one->old_length + one->new_length) < 0)
                abort();
        }
        *from = one->next;
        free(one->bytes);
        free(one);
    }
    if (out >= 0) close(out);
    pthread_mutex_unlock(&turn);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!meant_fd(fd)) return real_write(fd, bytes, length);
    if (fails("write")) {
        ssize_t written = -1;
        if (is("half") && faults == 1) return real_write(fd, bytes, length / 2 ? length / 2 : 1);
        if (is("done")) written = real_write(fd, bytes, length);
        (void)written;
        errno = error_number;
        return -1;
    }
    keep(fd, bytes, length, lseek64(fd, 0, SEEK_CUR));
    return real_write(fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *parts, int number) {
    if (meant_fd(fd) && fails("write")) {
        errno = error_number;
        return -1;
    }
    return real_writev(fd, parts, number);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    if (!meant_fd(fd)) return real_pwrite(fd, bytes, length, offset);
    if (fails("write")) {
        ssize_t written = -1;
        if (is("half") && faults == 1) return real_pwrite(fd, bytes, length / 2 ? length / 2 : 1, offset);
        if (is("done")) written = real_pwrite(fd, bytes, length, offset);
        (void)written;
        errno = error_number;
        return -1;
    }
    keep(fd, bytes, length, offset);
    return real_pwrite(fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite64(fd, bytes, length, offset);
}

static int synced(int fd, int result) {
    if (result == 0) settle(fd, 0);
    return result;
}

static int sync_fails(int fd) {
    if (!meant_fd(fd) || !fails("sync")) return 0;
    if (is("lost")) settle(fd, 1);
    errno = error_number;
    return 1;
}

int fsync(int fd) {
    if (sync_fails(fd)) {
        if (is("done")) real_fsync(fd), errno = error_number;
        return -1;
    }
    return synced(fd, real_fsync(fd));
}

int fdatasync(int fd) {
    if (sync_fails(fd)) {
        if (is("done")) real_fdatasync(fd), errno = error_number;
        return -1;
    }
    return synced(fd, real_fdatasync(fd));
}

/* It makes nothing durable. */
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
    if (sync_fails(fd)) return -1;
    return real_sync_range(fd, offset, length, flags);
}

int rename(const char *from, const char *to) {
    if ((meant(from) || meant(to)) && fails("rename")) {
        if (is("done")) real_rename(from, to);
        errno = error_number;
        return -1;
    }
    return real_rename(from, to);
}

int unlink(const char *path) {
    if (meant(path) && fails("unlink")) {
        if (is("done")) real_unlink(path);
        errno = error_number;
        return -1;
    }
    return real_unlink(path);
}

int unlinkat(int folder, const char *path, int flags) {
    if ((meant(path) || meant_fd(folder)) && fails("unlink")) {
        if (is("done")) real_unlinkat(folder, path, flags);
        errno = error_number;
        return -1;
    }
    return real_unlinkat(folder, path, flags);
}

int ftruncate64(int fd, off64_t length) {
    if (meant_fd(fd) && fails("truncate")) {
        if (is("done")) {
            int result = real_ftruncate(fd, length);
            (void)result;
        }
        errno = error_number;
        return -1;
    }
    return real_ftruncate(fd, length);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
