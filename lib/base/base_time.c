/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_base.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define YEAR_FIRST 1970
#define YEAR_LAST  2262

struct clock_text {
	unsigned int year, month, day, hour, minute, second;
	uint32_t fraction_ns;
	int64_t offset_sec; /* local time minus UTC */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly 'n' digits at *text, which is moved behind them. */
static bool take_digits(const char **text, unsigned int n, unsigned int *ret)
{
	unsigned int value = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (!is_digit((*text)[i]))
			return false;
		value = value * 10 + (unsigned int)((*text)[i] - '0');
	}
	*text += n;
	*ret = value;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* Digits behind the ninth are below a nanosecond: checked and cut. */
static bool take_fraction(const char **text, uint32_t *ret_ns)
{
	uint32_t ns = 0, unit = 100000000;

	if (!take_char(text, '.'))
		return true;
	if (!is_digit(**text))
		return false;
	for (; is_digit(**text); (*text)++) {
		ns += unit * (uint32_t)(**text - '0');
		unit /= 10;
	}
	*ret_ns = ns;
	return true;
}

static bool take_offset(const char **text, int64_t *ret_sec)
{
	unsigned int hours, minutes;
	bool west;

	if (take_char(text, 'Z'))
		return true;
	west = **text == '-';
	if (!take_char(text, '-') && !take_char(text, '+'))
		return false;
	if (!take_digits(text, 2, &hours) || !take_char(text, ':') ||
		!take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_sec = (int64_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

static bool is_leap_year(unsigned int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned int count_days(unsigned int year, unsigned int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap_year(year) ? 1 : 0);
}

static bool read_clock_text(const char *text, struct clock_text *t)
{
	if (!take_digits(&text, 4, &t->year) || !take_char(&text, '-') ||
		!take_digits(&text, 2, &t->month) || !take_char(&text, '-') ||
		!take_digits(&text, 2, &t->day) || !take_char(&text, 'T'))
		return false;
	if (!take_digits(&text, 2, &t->hour) || !take_char(&text, ':') ||
		!take_digits(&text, 2, &t->minute) || !take_char(&text, ':') ||
		!take_digits(&text, 2, &t->second))
		return false;
	if (!take_fraction(&text, &t->fraction_ns) || !take_offset(&text, &t->offset_sec))
		return false;
	if (*text != '\0' || t->month < 1 || t->month > 12 || t->day < 1 ||
		t->day > count_days(t->year, t->month))
		return false;
	return t->hour < 24 && t->minute < 60 && t->second < 60;
}

int pps_time_parse(const char *text, uint64_t *ret_ns)
{
	struct clock_text t = {0};
	int64_t days = 0, sec;

	if (!read_clock_text(text, &t))
		return -EINVAL;
	if (t.year < YEAR_FIRST || t.year > YEAR_LAST)
		return -ERANGE;
	for (unsigned int year = YEAR_FIRST; year < t.year; year++)
		days += is_leap_year(year) ? 366 : 365;
	for (unsigned int month = 1; month < t.month; month++)
		days += count_days(t.year, month);
	days += t.day - 1;
	sec = days * 86400 + t.hour * 3600 + t.minute * 60 + t.second - t.offset_sec;
	if (sec < 0)
		return -ERANGE;
	*ret_ns = (uint64_t)sec * PPS_NS_PER_SEC + t.fraction_ns;
	return 0;
}

const char *pps_time_format(uint64_t ns, unsigned int digits, char out[PPS_TIME_TEXT_MAX])
{
	time_t sec = (time_t)(ns / PPS_NS_PER_SEC);
	unsigned int fraction = (unsigned int)(ns % PPS_NS_PER_SEC);
	struct tm tm;
	size_t n;

	gmtime_r(&sec, &tm);
	n = strftime(out, PPS_TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	if (digits > 9)
		digits = 9;
	for (unsigned int i = digits; i < 9; i++)
		fraction /= 10;
	if (digits > 0)
		snprintf(out + n, PPS_TIME_TEXT_MAX - n, ".%0*uZ", (int)digits, fraction);
	else
		snprintf(out + n, PPS_TIME_TEXT_MAX - n, "Z");
	return out;
}

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * PPS_NS_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t pps_time_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t pps_time_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}
