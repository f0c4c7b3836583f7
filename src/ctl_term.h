/*
 * ctl_term.h: the whole terminal as a picture that changes, with plain ANSI
 * sequences. Whatever ends the program, the terminal is as it was. Thread:
 * one.
 */
#ifndef SQUIRE_CTL_TERM_H
#define SQUIRE_CTL_TERM_H

#include <stdbool.h>
#include <stdint.h>

typedef enum CtlTermEvent {
    CTL_TERM_TIMEOUT,
    CTL_TERM_KEY,
    CTL_TERM_RESIZE, /* or it came back from the background */
    CTL_TERM_END,    /* a signal, or nobody is there any more */
    CTL_TERM_EVENT_COUNT
} CtlTermEvent;

/* Take the terminal: keys come at once and are not shown. 0, or -errno
 * (-ENOTTY) with nothing changed. */
int ctlTermOpen(void);

/* Give it back as it was; harmless when not taken. */
void ctlTermClose(void);

/* Its size; 80 by 24 when it does not say. */
void ctlTermSize(unsigned *columnsOut, unsigned *rowsOut);

/* Wait for at most ms; *keyOut is set for a key. Blocks. */
CtlTermEvent ctlTermWait(int64_t ms, char *keyOut);

/* Show these lines from the top, the first bold of them in bold type; what is
 * below is cleared, what has no room is left out. */
void ctlTermDraw(const char *text, unsigned bold);

#endif
