/*
 * bench_ipc.c: how long a start blocks its caller: ipcCreate, chat included,
 * beside posix_spawn and fork of the same program over the same channel.
 *
 *     bench_ipc [MEGABYTES...]     touched memory, default 10 and 6000 (1000
 *                                  where there is not as much to be had)
 *
 * The three take turns in one process; each figure is the median of the
 * medians of several rounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "check.h"
#include "comm.h"
#include "ipc.h"

#define ROUNDS 5
#define STARTS 60
#define FORKS 4 /* of STARTS: slow, and only there to be seen */
#define TARGET 1.3

static char programPath[] = "/bin/cat";
static char *const program[] = {programPath, NULL};

/* Start the program; returns its pid and our end of the channel. */
typedef pid_t StartFn(int *fdOut);

static pid_t
startIpc(int *fdOut)
{
    int rfd;

    return ipcCreate(IPC_UNIX_STREAM, program[0],
                     (const char *const *)(const void *)program, "bench", &rfd,
                     fdOut, NULL);
}

static void
openPair(int pair[2])
{
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    CHECK(!fcntl(pair[0], F_SETFL, O_NONBLOCK));
}

static pid_t
startSpawn(int *fdOut)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t set;
    int pair[2];
    pid_t pid = -1;

    openPair(pair);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDERR_FILENO);
    posix_spawnattr_init(&attr);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&attr, &set);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attr, &set);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF |
                                        POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETPGROUP);
    if (posix_spawn(&pid, program[0], &actions, &attr, program, environ))
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    close(pair[1]);
    *fdOut = pair[0];
    return pid;
}

/* The pipe that exec closes tells when, as in any careful fork and exec. */
static pid_t
startFork(int *fdOut)
{
    int pair[2], report[2];
    char octet;
    pid_t pid;

    openPair(pair);
    CHECK(!pipe2(report, O_CLOEXEC));
    pid = fork();
    if (!pid) {
        setpgid(0, 0);
        dup2(pair[1], STDIN_FILENO);
        dup2(pair[1], STDOUT_FILENO);
        execve(program[0], program, environ);
        _exit(127);
    }
    close(report[1]);
    close(pair[1]);
    CHECK(read(report[0], &octet, 1) == 0);
    close(report[0]);
    *fdOut = pair[0];
    return pid;
}

static double
timeOne(StartFn *start)
{
    int64_t fromUs = commClockUs(), us;
    int fd;
    pid_t pid = start(&fd);

    us = commClockUs() - fromUs;
    if (pid < 0) {
        perror("bench_ipc");
        exit(2);
    }
    close(fd);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return (double)us;
}

static void
runRound(double out[3])
{
    static StartFn *const starts[3] = {startIpc, startSpawn, startFork};
    double us[3][STARTS];

    for (int i = 0; i < STARTS; i++) {
        for (int k = 0; k < 3; k++) {
            if (k < 2 || i < FORKS)
                us[k][i] = timeOne(starts[k]);
        }
    }
    for (int k = 0; k < 3; k++)
        out[k] = benchMedian(us[k], k < 2 ? STARTS : FORKS);
}

static void
runSize(long megabytes)
{
    double byWay[3][ROUNDS], ms[3];

    for (int i = 0; i < ROUNDS; i++) {
        double out[3];
        runRound(out);
        for (int k = 0; k < 3; k++)
            byWay[k][i] = out[k];
    }
    for (int k = 0; k < 3; k++)
        ms[k] = benchMedian(byWay[k], ROUNDS) / 1000;
    printf("{\"figure\": \"ipcCreate blocks the caller, %ld MB\", "
           "\"unit\": \"ms\", \"value\": %.4f, \"peer\": \"posix_spawn\", "
           "\"peer_value\": %.4f, \"target\": %.1f, \"sense\": \"max\"}\n",
           megabytes, ms[0], ms[1], TARGET);
    printf("{\"figure\": \"fork and exec, %ld MB\", \"unit\": \"ms\", "
           "\"value\": %.4f}\n",
           megabytes, ms[2]);
    fflush(stdout);
}

static void
touchMore(long megabytes)
{
    size_t size = (size_t)megabytes << 20;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("bench_ipc: memory");
        exit(2);
    }
    madvise(memory, size, MADV_NOHUGEPAGE);
    memset(memory, 1, size);
}

static bool
isFree(long megabytes)
{
    long perMegabyte = (1 << 20) / sysconf(_SC_PAGESIZE);

    return sysconf(_SC_AVPHYS_PAGES) / perMegabyte >= megabytes;
}

int
main(int argc, char **argv)
{
    const long usual[] = {10, isFree(7000) ? 6000 : 1000};
    int count = argc > 1 ? argc - 1 : 2;
    long touched = 0;

    for (int i = 0; i < count; i++) {
        long megabytes = argc > 1 ? strtol(argv[i + 1], NULL, 10) : usual[i];
        if (megabytes > touched)
            touchMore(megabytes - touched);
        touched = megabytes > touched ? megabytes : touched;
        runSize(touched);
    }
    return 0;
}
