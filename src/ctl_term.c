/* ctl_term.c: the whole terminal as a picture that changes. */
#include "ctl_term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

static struct {
    bool isOpen;
    struct termios before;
    sigset_t mask; /* while we wait */
} term;

static volatile sig_atomic_t hasEnded, wasResized, wasStopped;

static void
onSignal(int signo)
{
    if (signo == SIGWINCH || signo == SIGCONT)
        wasResized = 1;
    else if (signo == SIGTSTP)
        wasStopped = 1;
    else
        hasEnded = 1;
}

/* They come while we wait, never between a look and a wait. */
static void
catchSignals(void)
{
    static const int numbers[] = {SIGINT,  SIGTERM,  SIGHUP, SIGQUIT,
                                  SIGTSTP, SIGWINCH, SIGCONT};
    struct sigaction action = {.sa_handler = onSignal};
    sigset_t caught;

    sigemptyset(&caught);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sigaction(numbers[i], &action, NULL);
        sigaddset(&caught, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &caught, &term.mask);
}

static int
enter(void)
{
    struct termios raw = term.before;

    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == -1)
        return -errno;
    fputs(ENTER, stdout);
    fflush(stdout);
    return 0;
}

static void
leave(void)
{
    fputs(LEAVE, stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &term.before);
}

int
ctlTermOpen(void)
{
    if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &term.before) == -1)
        return -ENOTTY;
    catchSignals();
    int rc = enter();
    if (rc < 0)
        return rc;
    term.isOpen = true;
    atexit(ctlTermClose);
    return 0;
}

void
ctlTermClose(void)
{
    if (!term.isOpen)
        return;
    term.isOpen = false;
    leave();
}

void
ctlTermSize(unsigned *columnsOut, unsigned *rowsOut)
{
    struct winsize size = {0};

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1)
        size = (struct winsize){0};
    *columnsOut = size.ws_col > 0 ? size.ws_col : 80;
    *rowsOut = size.ws_row > 0 ? size.ws_row : 24;
}

/* To the background with the terminal as it was. */
static void
stop(void)
{
    wasStopped = 0;
    leave();
    raise(SIGSTOP);
    (void)enter();
}

CtlTermEvent
ctlTermWait(int64_t ms, char *keyOut)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec limit = {.tv_sec = ms / 1000,
                             .tv_nsec = (long)(ms % 1000) * 1000000};
    int ready = 0;

    if (!hasEnded && !wasResized && !wasStopped)
        ready = ppoll(&in, 1, &limit, &term.mask);
    if (hasEnded)
        return CTL_TERM_END;
    if (wasStopped) {
        stop();
        return CTL_TERM_RESIZE;
    }
    if (wasResized) {
        wasResized = 0;
        return CTL_TERM_RESIZE;
    }
    if (ready <= 0)
        return CTL_TERM_TIMEOUT;
    return read(STDIN_FILENO, keyOut, 1) == 1 ? CTL_TERM_KEY : CTL_TERM_END;
}

void
ctlTermDraw(const char *text, unsigned bold)
{
    unsigned columns, rows;

    ctlTermSize(&columns, &rows);
    fputs("\033[H", stdout);
    for (unsigned row = 0; row < rows && *text != '\0'; row++) {
        size_t len = strcspn(text, "\n");

        printf("%s%s%.*s%s\033[K", row > 0 ? "\n" : "",
               row < bold ? "\033[1m" : "", (int)len, text,
               row < bold ? "\033[0m" : "");
        text += len + (text[len] == '\n');
    }
    fputs("\033[J", stdout);
    fflush(stdout);
}
