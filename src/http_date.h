/*
 * http_date.h: dates in HTTP. RFC 9110 5.6.7. Thread: any.
 */
#ifndef SQUIRE_HTTP_DATE_H
#define SQUIRE_HTTP_DATE_H

#include <stdbool.h>
#include <time.h>

#include "http_slice.h"

#define HTTP_DATE_SIZE 30 /* with NUL */

/*
 * Read any of the three forms. now: decides the century of a two-digit
 * year. False, timeOut untouched, if it is no date, or before 1970.
 */
bool httpDateParse(HttpSlice text, time_t now, time_t *timeOut);

/* Write "Sun, 06 Nov 1994 08:49:37 GMT" with NUL; years 1970 to 9999. */
void httpDateFormat(time_t when, char out[HTTP_DATE_SIZE]);

/*
 * The same text, kept for the last second asked for; returns borrowed until
 * the next call in this thread.
 */
HttpSlice httpDateText(time_t now);

#endif
