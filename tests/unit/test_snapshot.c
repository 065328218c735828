/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include <pps_snapshot.h>

#include "unit.h"

/*
 * A reader is a thread that does one thing when it is told to and says when it is done, so that
 * every test is one fixed order of events.
 */
enum act { REGISTER, UNREGISTER, ONLINE, OFFLINE, QUIESCENT, READ, STOP };

struct reader {
	struct pps_snapshot *snapshot;
	unsigned int number;
	enum act act;
	const void *seen; /* by the last READ */
	sem_t told, done;
	pthread_t thread;
};

static void *run_reader(void *argument)
{
	struct reader *reader = argument;

	for (;;) {
		while (sem_wait(&reader->told) != 0)
			continue;
		switch (reader->act) {
		case REGISTER:
			pps_snapshot_register(reader->snapshot, reader->number);
			break;
		case UNREGISTER:
			pps_snapshot_unregister(reader->snapshot, reader->number);
			break;
		case ONLINE:
			pps_snapshot_online(reader->snapshot, reader->number);
			break;
		case OFFLINE:
			pps_snapshot_offline(reader->snapshot, reader->number);
			break;
		case QUIESCENT:
			pps_snapshot_quiescent(reader->snapshot, reader->number);
			break;
		case READ:
			reader->seen = pps_snapshot_read(reader->snapshot);
			break;
		case STOP:
			return NULL;
		}
		sem_post(&reader->done);
	}
}

static void tell(struct reader *reader, enum act act)
{
	reader->act = act;
	sem_post(&reader->told);
	while (act != STOP && sem_wait(&reader->done) != 0)
		continue;
}

static const void *ask(struct reader *reader)
{
	tell(reader, READ);
	return reader->seen;
}

static void start_reader(struct reader *reader, struct pps_snapshot *snapshot, unsigned int number)
{
	memset(reader, 0, sizeof(*reader));
	reader->snapshot = snapshot;
	reader->number = number;
	sem_init(&reader->told, 0, 0);
	sem_init(&reader->done, 0, 0);
	if (pthread_create(&reader->thread, NULL, run_reader, reader) != 0)
		abort();
	tell(reader, REGISTER);
}

static void stop_reader(struct reader *reader)
{
	tell(reader, UNREGISTER);
	tell(reader, STOP);
	pthread_join(reader->thread, NULL);
	sem_destroy(&reader->told);
	sem_destroy(&reader->done);
}

static int first, second, third; /* things to publish: only their addresses matter */

static void nothing_is_published_at_first(void)
{
	struct pps_snapshot *snapshot = pps_snapshot_create(1);
	struct reader reader;

	CU_ASSERT_PTR_NOT_NULL_FATAL(snapshot);
	start_reader(&reader, snapshot, 0);
	CU_ASSERT_PTR_NULL(ask(&reader));
	stop_reader(&reader);
	pps_snapshot_destroy(snapshot);
}

static void what_is_published_is_read_and_the_previous_comes_back(void)
{
	struct pps_snapshot *snapshot = pps_snapshot_create(1);
	struct reader reader;
	uint64_t token;

	start_reader(&reader, snapshot, 0);
	CU_ASSERT_PTR_NULL(pps_snapshot_publish(snapshot, &first, &token));
	CU_ASSERT_PTR_EQUAL(ask(&reader), &first);
	CU_ASSERT_PTR_EQUAL(pps_snapshot_publish(snapshot, &second, &token), &first);
	CU_ASSERT_PTR_EQUAL(ask(&reader), &second);
	CU_ASSERT_PTR_EQUAL(pps_snapshot_publish(snapshot, NULL, &token), &second);
	CU_ASSERT_PTR_NULL(ask(&reader));
	stop_reader(&reader);
	pps_snapshot_destroy(snapshot);
}

static void the_old_pointer_is_held_until_the_reader_is_quiescent(void)
{
	struct pps_snapshot *snapshot = pps_snapshot_create(1);
	struct reader reader;
	uint64_t token;

	start_reader(&reader, snapshot, 0);
	pps_snapshot_publish(snapshot, &first, &token);
	tell(&reader, QUIESCENT);
	CU_ASSERT_PTR_EQUAL(ask(&reader), &first);
	pps_snapshot_publish(snapshot, &second, &token);
	CU_ASSERT(!pps_snapshot_passed(snapshot, token));
	ask(&reader); /* reading is no promise */
	CU_ASSERT(!pps_snapshot_passed(snapshot, token));
	tell(&reader, QUIESCENT);
	CU_ASSERT(pps_snapshot_passed(snapshot, token));
	CU_ASSERT(pps_snapshot_passed(snapshot, token));
	CU_ASSERT_PTR_EQUAL(ask(&reader), &second);
	stop_reader(&reader);
	pps_snapshot_destroy(snapshot);
}

static void quiescent_before_the_publish_does_not_count(void)
{
	struct pps_snapshot *snapshot = pps_snapshot_create(1);
	struct reader reader;
	uint64_t token;

	start_reader(&reader, snapshot, 0);
	tell(&reader, QUIESCENT);
	tell(&reader, QUIESCENT);
	pps_snapshot_publish(snapshot, &first, &token);
	CU_ASSERT(!pps_snapshot_passed(snapshot, token));
	tell(&reader, QUIESCENT);
	CU_ASSERT(pps_snapshot_passed(snapshot, token));
	stop_reader(&reader);
	pps_snapshot_destroy(snapshot);
}

static void every_reader_must_be_quiescent(void)
{
	struct pps_snapshot *snapshot = pps_snapshot_create(3);
	struct reader readers[3];
	uint64_t token;

	for (unsigned int i = 0; i < 3; i++)
		start_reader(&readers[i], snapshot, i);
	pps_snapshot_publish(snapshot, &first, &token);
	for (unsigned int i = 0; i < 3; i++) {
		CU_ASSERT(!pps_snapshot_passed(snapshot, token));
		tell(&readers[2 - i], QUIESCENT);
		tell(&readers[2], QUIESCENT); /* one that says it twice is still one */
	}
	CU_ASSERT(pps_snapshot_passed(snapshot, token));
	for (unsigned int i = 0; i < 3; i++)
		stop_reader(&readers[i]);
	pps_snapshot_destroy(snapshot);
}

static void a_reader_that_sleeps_offline_holds_nothing(void)
{
	struct pps_snapshot *snapshot = pps_snapshot_create(2);
	struct reader awake, asleep;
	uint64_t token;

	start_reader(&awake, snapshot, 0);
	start_reader(&asleep, snapshot, 1);
	tell(&asleep, OFFLINE);
	pps_snapshot_publish(snapshot, &first, &token);
	CU_ASSERT(!pps_snapshot_passed(snapshot, token));
	tell(&awake, QUIESCENT);
	CU_ASSERT(pps_snapshot_passed(snapshot, token));

	tell(&asleep, ONLINE);
	CU_ASSERT_PTR_EQUAL(ask(&asleep), &first);
	pps_snapshot_publish(snapshot, &second, &token);
	tell(&awake, QUIESCENT);
	CU_ASSERT(!pps_snapshot_passed(snapshot, token));
	tell(&asleep, OFFLINE);
	CU_ASSERT(pps_snapshot_passed(snapshot, token));
	tell(&asleep, ONLINE);
	CU_ASSERT_PTR_EQUAL(ask(&asleep), &second);
	stop_reader(&awake);
	stop_reader(&asleep);
	pps_snapshot_destroy(snapshot);
}

static void a_reader_that_left_is_not_waited_for(void)
{
	struct pps_snapshot *snapshot = pps_snapshot_create(2);
	struct reader stays, leaves;
	uint64_t token;

	start_reader(&stays, snapshot, 0);
	start_reader(&leaves, snapshot, 1);
	pps_snapshot_publish(snapshot, &first, &token);
	tell(&stays, QUIESCENT);
	CU_ASSERT(!pps_snapshot_passed(snapshot, token));
	stop_reader(&leaves);
	CU_ASSERT(pps_snapshot_passed(snapshot, token));
	start_reader(&leaves, snapshot, 1); /* and its place can be taken again */
	CU_ASSERT_PTR_EQUAL(ask(&leaves), &first);
	stop_reader(&leaves);
	stop_reader(&stays);
	pps_snapshot_publish(snapshot, &second, &token);
	CU_ASSERT(pps_snapshot_passed(snapshot, token));
	pps_snapshot_destroy(snapshot);
}

static void tokens_pass_in_the_order_of_publishing(void)
{
	struct pps_snapshot *snapshot = pps_snapshot_create(1);
	struct reader reader;
	uint64_t tokens[3];

	start_reader(&reader, snapshot, 0);
	pps_snapshot_publish(snapshot, &first, &tokens[0]);
	tell(&reader, QUIESCENT);
	pps_snapshot_publish(snapshot, &second, &tokens[1]);
	CU_ASSERT(pps_snapshot_passed(snapshot, tokens[0]));
	CU_ASSERT(!pps_snapshot_passed(snapshot, tokens[1]));
	pps_snapshot_publish(snapshot, &third, &tokens[2]);
	tell(&reader, QUIESCENT);
	CU_ASSERT(pps_snapshot_passed(snapshot, tokens[1]));
	CU_ASSERT(pps_snapshot_passed(snapshot, tokens[2]));
	CU_ASSERT_PTR_EQUAL(ask(&reader), &third);
	stop_reader(&reader);
	pps_snapshot_destroy(snapshot);
}

static void a_wrong_number_of_readers_is_refused(void)
{
	struct pps_snapshot *snapshot;

	errno = 0;
	CU_ASSERT_PTR_NULL(pps_snapshot_create(0));
	CU_ASSERT_EQUAL(errno, EINVAL);
	errno = 0;
	CU_ASSERT_PTR_NULL(pps_snapshot_create(PPS_SNAPSHOT_READERS_MAX + 1));
	CU_ASSERT_EQUAL(errno, EINVAL);
	snapshot = pps_snapshot_create(PPS_SNAPSHOT_READERS_MAX);
	CU_ASSERT_PTR_NOT_NULL(snapshot);
	pps_snapshot_destroy(snapshot);
	pps_snapshot_destroy(NULL);
}

/* Published over and over while a reader runs freely. */
#define ROUNDS 3000
#define ALIVE  0x600d600d
#define DEAD   0xdeaddead

struct thing {
	unsigned int state;
	unsigned int round;
};

struct racer {
	struct pps_snapshot *snapshot;
	bool ready;
	unsigned int n_wrong;
	unsigned int last_round;
};

static void *run_racer(void *argument)
{
	struct racer *racer = argument;

	pps_snapshot_register(racer->snapshot, 0);
	__atomic_store_n(&racer->ready, true, __ATOMIC_RELEASE);
	while (racer->last_round < ROUNDS) {
		const struct thing *thing = pps_snapshot_read(racer->snapshot);

		/* Look at it once more after the writer had its chance. */
		for (int i = 0; i < 2; i++) {
			if (thing->state != ALIVE || thing->round < racer->last_round)
				racer->n_wrong++;
			sched_yield();
		}
		racer->last_round = thing->round;
		pps_snapshot_quiescent(racer->snapshot, 0);
	}
	pps_snapshot_unregister(racer->snapshot, 0);
	return NULL;
}

static struct thing *make_thing(unsigned int round)
{
	struct thing *thing = malloc(sizeof(*thing));

	if (thing == NULL)
		abort();
	thing->state = ALIVE;
	thing->round = round;
	return thing;
}

static void a_reader_never_sees_what_was_freed(void)
{
	struct racer racer = {.snapshot = pps_snapshot_create(1)};
	uint64_t token;
	pthread_t thread;

	pps_snapshot_publish(racer.snapshot, make_thing(0), &token);
	if (pthread_create(&thread, NULL, run_racer, &racer) != 0)
		abort();
	while (!__atomic_load_n(&racer.ready, __ATOMIC_ACQUIRE))
		sched_yield();
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		struct thing *old;

		old = pps_snapshot_publish(racer.snapshot, make_thing(round), &token);
		while (!pps_snapshot_passed(racer.snapshot, token))
			sched_yield();
		old->state = DEAD;
		free(old);
	}
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(racer.n_wrong, 0);
	free(pps_snapshot_publish(racer.snapshot, NULL, &token));
	pps_snapshot_destroy(racer.snapshot);
}

static const struct unit_test tests[] = {
	UNIT_TEST(nothing_is_published_at_first),
	UNIT_TEST(what_is_published_is_read_and_the_previous_comes_back),
	UNIT_TEST(the_old_pointer_is_held_until_the_reader_is_quiescent),
	UNIT_TEST(quiescent_before_the_publish_does_not_count),
	UNIT_TEST(every_reader_must_be_quiescent),
	UNIT_TEST(a_reader_that_sleeps_offline_holds_nothing),
	UNIT_TEST(a_reader_that_left_is_not_waited_for),
	UNIT_TEST(tokens_pass_in_the_order_of_publishing),
	UNIT_TEST(a_wrong_number_of_readers_is_refused),
	UNIT_TEST(a_reader_never_sees_what_was_freed),
};

int main(void)
{
	unit_eal_init(64);
	return unit_run("snapshot", tests, UNIT_COUNT(tests));
}
