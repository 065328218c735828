/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bad weather on a wire: frames of one interface go to the other and back; some are lost, some come
 * twice, some are late and overtaken by those behind them. For tests, in a namespace of its own.
 *
 *     weather INTERFACE INTERFACE [lost=PERCENT] [twice=PERCENT] [late=PERCENT] [delay=MS] [seed=N]
 *
 * A late frame waits between half of 'delay' and all of it. What becomes of the n-th frame of a
 * direction depends on the seed and n alone. Prints "ready" when it forwards, and what it did when
 * SIGTERM ends it: a JSON object for each direction, by the name of the interface the frames came
 * from.
 *
 * Frames are at most FRAME_MAX bytes, as on a wire: the interfaces have no offloads and no VLANs.
 */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define FRAME_MAX 2048
#define BURST     64
#define LATE_MAX  8192 /* of one direction at a time; a frame beyond them is not late */

#define MILLISECOND UINT64_C(1000000)

struct late {
	uint64_t due; /* nanoseconds */
	uint64_t number;
	size_t length;
	uint8_t data[];
};

struct direction {
	const char *name;
	int from, to;
	uint64_t random;
	struct late *late[LATE_MAX]; /* a heap: the first is due first */
	size_t n_late;
	uint64_t newest; /* the highest number that went out */
	uint64_t frames, lost, twice, delayed, overtaken, refused;
};

static struct {
	double lost, twice, late, delay;
	uint64_t seed;
} weather;

static volatile sig_atomic_t stopping;

static void stop(int number)
{
	(void)number;
	stopping = 1;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 * MILLISECOND + (uint64_t)time.tv_nsec;
}

/* From 0 up to, but not including, 1: SplitMix64. */
static double draw(struct direction *way)
{
	uint64_t mixed = way->random += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return (double)((mixed ^ mixed >> 31) >> 11) * 0x1p-53;
}

static void swap(struct late **one, struct late **other)
{
	struct late *kept = *one;

	*one = *other;
	*other = kept;
}

static void put_off(
	struct direction *way, const uint8_t *data, size_t length, uint64_t number, uint64_t due)
{
	struct late *late = malloc(sizeof *late + length);
	size_t i = way->n_late++;

	if (late == NULL)
		err(1, NULL);
	*late = (struct late){.due = due, .number = number, .length = length};
	memcpy(late->data, data, length);
	way->late[i] = late;
	for (; i > 0 && late->due < way->late[(i - 1) / 2]->due; i = (i - 1) / 2)
		swap(&way->late[i], &way->late[(i - 1) / 2]);
}

static struct late *take_first(struct direction *way)
{
	struct late *first = way->late[0];
	size_t i = 0, child;

	way->late[0] = way->late[--way->n_late];
	while ((child = 2 * i + 1) < way->n_late) {
		if (child + 1 < way->n_late && way->late[child + 1]->due < way->late[child]->due)
			child++;
		if (way->late[i]->due <= way->late[child]->due)
			break;
		swap(&way->late[i], &way->late[child]);
		i = child;
	}
	return first;
}

static void send_all(struct direction *way, struct mmsghdr *messages, unsigned int n)
{
	unsigned int done = 0;
	int sent;

	while (done < n) {
		sent = sendmmsg(way->to, messages + done, n - done, 0);
		if (sent > 0) {
			done += (unsigned int)sent;
		} else if (errno != EINTR) {
			way->refused++;
			done++;
		}
	}
}

static void send_due(struct direction *way, uint64_t time)
{
	while (way->n_late > 0 && way->late[0]->due <= time) {
		struct late *late = take_first(way);
		struct iovec vector = {.iov_base = late->data, .iov_len = late->length};
		struct mmsghdr message = {.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}};

		if (late->number < way->newest)
			way->overtaken++;
		else
			way->newest = late->number;
		send_all(way, &message, 1);
		free(late);
	}
}

/* Takes what came, and sends what is neither lost nor late. */
static void forward(struct direction *way)
{
	static uint8_t data[BURST][FRAME_MAX];
	struct iovec in[BURST], out[2 * BURST];
	struct mmsghdr received[BURST], sent[2 * BURST];
	unsigned int n_sent = 0;
	uint64_t time = now();
	int n;

	memset(received, 0, sizeof received);
	memset(sent, 0, sizeof sent);
	for (unsigned int i = 0; i < BURST; i++) {
		in[i] = (struct iovec){.iov_base = data[i], .iov_len = FRAME_MAX};
		received[i].msg_hdr = (struct msghdr){.msg_iov = &in[i], .msg_iovlen = 1};
	}
	n = recvmmsg(way->from, received, BURST, MSG_DONTWAIT | MSG_TRUNC, NULL);
	for (int i = 0; i < n; i++) {
		bool lost = draw(way) < weather.lost, twice = draw(way) < weather.twice;
		bool late = draw(way) < weather.late;
		double wait = weather.delay * (1 + draw(way)) / 2;
		size_t length = received[i].msg_len;
		uint64_t number = ++way->frames;

		if (length > FRAME_MAX)
			errx(1, "%s: a frame of %zu bytes: are offloads off?", way->name, length);
		way->lost += lost;
		if (lost)
			continue;
		way->twice += twice;
		for (int copy = 0; copy <= twice; copy++) {
			if (late && way->n_late < LATE_MAX) {
				way->delayed++;
				put_off(way, data[i], length, number,
					time + (uint64_t)(wait * (double)MILLISECOND));
				continue;
			}
			out[n_sent] = (struct iovec){.iov_base = data[i], .iov_len = length};
			sent[n_sent].msg_hdr.msg_iov = &out[n_sent];
			sent[n_sent++].msg_hdr.msg_iovlen = 1;
			way->newest = number;
		}
	}
	send_all(way, sent, n_sent);
}

static int open_interface(const char *name)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct packet_mreq promiscuous = {.mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1, room = 1 << 25;

	address.sll_ifindex = (int)if_nametoindex(name);
	promiscuous.mr_ifindex = address.sll_ifindex;
	if (fd < 0 || address.sll_ifindex == 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
			sizeof promiscuous) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0 ||
		bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
		err(1, "%s", name);
	return fd;
}

static void read_options(char **options)
{
	static const struct {
		const char *name;
		double *value;
	} percents[] = {{"lost", &weather.lost}, {"twice", &weather.twice}, {"late", &weather.late},
		{"delay", &weather.delay}};

	for (; *options != NULL; options++) {
		char name[8];
		double value;
		bool known = false;

		if (sscanf(*options, "%7[a-z]=%lf", name, &value) != 2)
			errx(2, "what is \"%s\"?", *options);
		for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
			if (strcmp(name, percents[i].name) != 0)
				continue;
			*percents[i].value =
				percents[i].value == &weather.delay ? value : value / 100;
			known = true;
		}
		if (strcmp(name, "seed") == 0)
			weather.seed = (uint64_t)value;
		else if (!known)
			errx(2, "what is \"%s\"?", *options);
	}
}

static void tell(const struct direction *way)
{
	struct tpacket_stats kernel;
	socklen_t length = sizeof kernel;

	if (getsockopt(way->from, SOL_PACKET, PACKET_STATISTICS, &kernel, &length) != 0)
		err(1, "%s", way->name);
	printf("\"%s\":{\"frames\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"twice\":%" PRIu64
	       ",\"late\":%" PRIu64 ",\"overtaken\":%" PRIu64 ",\"overrun\":%" PRIu64 "}",
		way->name, way->frames, way->lost, way->twice, way->delayed, way->overtaken,
		way->refused + kernel.tp_drops);
}

/* How long until the first late frame is due: NULL for ever. */
static struct timespec *until_due(const struct direction *ways, struct timespec *ret)
{
	uint64_t due = UINT64_MAX, time = now();

	for (int i = 0; i < 2; i++)
		if (ways[i].n_late > 0 && ways[i].late[0]->due < due)
			due = ways[i].late[0]->due;
	if (due == UINT64_MAX)
		return NULL;
	due = due > time ? due - time : 0;
	*ret = (struct timespec){.tv_sec = (time_t)(due / (1000 * MILLISECOND)),
		.tv_nsec = (long)(due % (1000 * MILLISECOND))};
	return ret;
}

int main(int argc, char **argv)
{
	static struct direction ways[2];
	struct sigaction action = {.sa_handler = stop};
	struct pollfd polled[2];
	struct timespec wait;
	sigset_t blocked, usual;

	if (argc < 3)
		errx(2, "weather INTERFACE INTERFACE [lost|twice|late|delay|seed=NUMBER]...");
	read_options(argv + 3);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &usual);
	sigaction(SIGTERM, &action, NULL);
	for (int i = 0; i < 2; i++) {
		ways[i].name = argv[1 + i];
		ways[i].from = ways[!i].to = open_interface(argv[1 + i]);
		ways[i].random = weather.seed * 2 + (uint64_t)i;
		polled[i] = (struct pollfd){.fd = ways[i].from, .events = POLLIN};
	}
	puts("ready");
	fflush(stdout);
	while (!stopping) {
		ppoll(polled, 2, until_due(ways, &wait), &usual);
		for (int i = 0; i < 2; i++) {
			if (polled[i].revents != 0)
				forward(&ways[i]);
			send_due(&ways[i], now());
		}
	}
	putchar('{');
	tell(&ways[0]);
	putchar(',');
	tell(&ways[1]);
	puts("}");
	return 0;
}
