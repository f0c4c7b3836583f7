/*
 * fake_child.c: a helper that tells what it was given, then echoes.
 *
 *     fake_child echo               nothing to tell
 *     fake_child eager TEXT...      the words, one a line, at once
 *     fake_child fds                "number link" of each open descriptor
 *     fake_child signals            SigBlk and SigIgn of /proc/self/status
 *     fake_child env NAME...        NAME=value or NAME, one a line
 *     fake_child ids                pid, process group, terminal or none
 *     fake_child cwd                the working folder
 *     fake_child stderr TEXT...     the words to 2, one a line
 *     fake_child stubborn           ignores SIGTERM, never ends by itself
 *     fake_child try WHAT...        "WHAT result" of each, see attempts[]
 *
 * What it tells is one write. Each read is echoed by one write.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char report[65536];
static size_t reportLen;

__attribute__((format(printf, 1, 2))) static void
tell(const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(report + reportLen, sizeof(report) - reportLen, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(report) - reportLen)
        exit(3);
    reportLen += (size_t)n;
}

static void
flushReport(int fd)
{
    if (reportLen && write(fd, report, reportLen) != (ssize_t)reportLen)
        exit(4);
    reportLen = 0;
}

static void
runEcho(char **words)
{
    (void)words;
}

static void
runEager(char **words)
{
    for (; *words; words++)
        tell("%s\n", *words);
}

static void
runFds(char **words)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    char link[256];

    (void)words;
    while (dir && (entry = readdir(dir))) {
        ssize_t n;
        if (entry->d_name[0] == '.' ||
            strtol(entry->d_name, NULL, 10) == dirfd(dir))
            continue;
        n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
        link[n < 0 ? 0 : n] = '\0';
        tell("%s %s\n", entry->d_name, link);
    }
    if (dir)
        closedir(dir);
}

static void
runSignals(char **words)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];

    (void)words;
    while (status && fgets(line, sizeof(line), status)) {
        if (!strncmp(line, "SigBlk", 6) || !strncmp(line, "SigIgn", 6))
            tell("%s", line);
    }
    if (status)
        fclose(status);
}

static void
runEnv(char **words)
{
    for (; *words; words++) {
        const char *value = getenv(*words);
        tell("%s%s%s\n", *words, value ? "=" : "", value ? value : "");
    }
}

static void
runIds(char **words)
{
    (void)words;
    tell("%d %d %s\n", (int)getpid(), (int)getpgrp(),
         open("/dev/tty", O_RDWR | O_CLOEXEC) < 0 ? "none" : "terminal");
}

static void
runCwd(char **words)
{
    char folder[4096];

    (void)words;
    tell("%s\n", getcwd(folder, sizeof(folder)));
}

static void
runStderr(char **words)
{
    runEager(words);
    flushReport(STDERR_FILENO);
}

static void
runStubborn(char **words)
{
    struct sigaction action = {.sa_handler = SIG_IGN};

    (void)words;
    sigaction(SIGTERM, &action, NULL);
    tell("ready\n");
    flushReport(STDOUT_FILENO);
    for (;;)
        pause();
}

static long
tryInet(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static long
tryUnix(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

/* A socket of its own kind, but a receiver of its own choice. */
static long
trySendto(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
        return 0;
    return sendto(pair[0], "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
}

static long
trySendmsg(void)
{
    char text[] = "x";
    struct iovec iov = {text, 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
        return 0;
    return sendmsg(pair[0], &message, 0);
}

static long
tryPair(void)
{
    char text[2];
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
        send(pair[0], "x", 1, 0) < 0)
        return -1;
    return recv(pair[1], text, 1, 0);
}

static long
tryExec(void)
{
    char *const args[] = {(char[]){"true"}, NULL};

    return execve("/bin/true", args, environ);
}

/* With all its registers as another execve of ours might have them. */
static long
tryExecMore(void)
{
    char *const args[] = {(char[]){"true"}, NULL};

    return syscall(SYS_execve, "/bin/true", args, environ, 0UL, 0UL, 0UL);
}

static long
tryExecFd(void)
{
    char *const args[] = {(char[]){"true"}, NULL};
    int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);

    return syscall(SYS_execveat, fd, "", args, environ, AT_EMPTY_PATH);
}

static long
tryFork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid < 0 ? -1 : waitpid(pid, NULL, 0);
}

static long
tryTrace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long
tryUnshare(void)
{
    return unshare(CLONE_NEWUSER);
}

static long
tryNamespace(void)
{
    return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0UL, 0UL, 0UL, 0UL);
}

static long
tryMount(void)
{
    return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static long
tryRing(void)
{
    char params[256] = {0};

    return syscall(SYS_io_uring_setup, 1, params);
}

/* Fails softly: a name is not found, or it is in a file. */
static long
tryLookup(void)
{
    struct addrinfo *list = NULL;

    if (!getaddrinfo("localhost", "80", NULL, &list))
        freeaddrinfo(list);
    return 0;
}

static long
tryMemory(void)
{
    void *map = mmap(NULL, 512ul << 20, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return map == MAP_FAILED ? -1 : 0;
}

static const struct {
    const char *name;
    long (*run)(void);
} attempts[] = {
    {"inet", tryInet},          {"unix", tryUnix},
    {"sendto", trySendto},      {"sendmsg", trySendmsg},
    {"pair", tryPair},          {"exec", tryExec},
    {"exec-more", tryExecMore}, {"exec-fd", tryExecFd},
    {"fork", tryFork},          {"trace", tryTrace},
    {"unshare", tryUnshare},    {"namespace", tryNamespace},
    {"mount", tryMount},        {"ring", tryRing},
    {"lookup", tryLookup},      {"memory", tryMemory},
};

static void
runTry(char **words)
{
    for (; *words; words++) {
        for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
            if (strcmp(attempts[i].name, *words))
                continue;
            errno = 0;
            tell("%s %s\n", *words,
                 attempts[i].run() < 0 ? strerrorname_np(errno) : "done");
        }
    }
}

static const struct {
    const char *name;
    void (*run)(char **words);
} modes[] = {
    {"echo", runEcho},       {"eager", runEager},   {"fds", runFds},
    {"signals", runSignals}, {"env", runEnv},       {"ids", runIds},
    {"cwd", runCwd},         {"stderr", runStderr}, {"stubborn", runStubborn},
    {"try", runTry},
};

static void
echo(void)
{
    static char buf[65536];
    ssize_t n;

    while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0) {
        if (write(STDOUT_FILENO, buf, (size_t)n) != n)
            exit(4);
    }
}

int
main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(argv[1], modes[i].name))
            continue;
        modes[i].run(argv + 2);
        flushReport(STDOUT_FILENO);
        echo();
        return 0;
    }
    return 2;
}
