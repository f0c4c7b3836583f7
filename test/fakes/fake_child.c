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
 *
 * What it tells is one write. Each read is echoed by one write.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static const struct {
    const char *name;
    void (*run)(char **words);
} modes[] = {
    {"echo", runEcho},       {"eager", runEager},   {"fds", runFds},
    {"signals", runSignals}, {"env", runEnv},       {"ids", runIds},
    {"cwd", runCwd},         {"stderr", runStderr}, {"stubborn", runStubborn},
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
