/* SPDX-License-Identifier: BSD-3-Clause */
#include "manager.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "trial.h"

#define ROUND_MS         20 /* how long the loop sleeps when nothing happens */
#define ROUND_BUSY_MS    1 /* while a transaction or an operation is under way */
#define DRAIN_MAX        4096 /* events taken from one worker in one round */
#define SAMPLE_NS        PPS_NS_PER_SEC
#define WATCH_NS         (2 * PPS_NS_PER_SEC)
#define LINKS_NS         (100 * PPS_NS_PER_MS)
#define LINK_CHANGES_MAX 8

/* ---- events ---- */

void manager_event_at(struct manager *manager, uint64_t wall_ns, const char *kind,
	const struct pps_ctl_peer *who, json_t *fields)
{
	const struct pps_ruleset *current = manager->reload.current;

	if (fields == NULL)
		fields = json_object();
	if (who != NULL && who->pid != 0)
		json_object_set_new(fields, "who",
			json_pack("{s:I, s:I, s:I}", "uid", (json_int_t)who->uid, "gid",
				(json_int_t)who->gid, "pid", (json_int_t)who->pid));
	if (current != NULL && json_object_get(fields, "digest") == NULL)
		json_object_set_new(fields, "digest", json_string(current->policy->digest));
	pps_event_log_write(manager->log, wall_ns, kind, fields);
}

void manager_event(
	struct manager *manager, const char *kind, const struct pps_ctl_peer *who, json_t *fields)
{
	manager_event_at(manager, pps_time_wall_ns(), kind, who, fields);
}

static void tell_listeners(const json_t *event, void *aux)
{
	struct manager *manager = aux;

	if (manager->ctl != NULL)
		pps_ctl_publish(manager->ctl, "event", event, pps_event_matches);
}

/* Takes a bounded number from each worker; true when there may be more. */
static bool drain_some(struct manager *manager)
{
	bool more = false;

	for (unsigned int i = 0; i < manager->datapath->n_workers; i++)
		more |= pps_event_log_drain(manager->log, manager->datapath->workers[i].events,
				DRAIN_MAX) == DRAIN_MAX;
	return more;
}

void manager_drain(void *aux)
{
	drain_some(aux);
}

static bool open_log(struct manager *manager, struct pps_errors *errors)
{
	const struct config *config = manager->config;
	const char *names[PPS_SEGMENTS_MAX];
	struct pps_event_log_params params = {
		.file = config->events_file,
		.rotate_bytes = (uint64_t)config->events_rotate_mib << 20,
		.keep = config->events_keep,
		.book = manager->book,
		.segments = names,
		.n_segments = (unsigned int)config->n_segments,
		.listener = tell_listeners,
		.aux = manager,
	};

	for (size_t i = 0; i < config->n_segments; i++)
		names[i] = config->segments[i].name;
	manager->log = pps_event_log_create(&params, errors);
	return manager->log != NULL;
}

/* ---- life ---- */

static bool watch_fd(struct manager *manager, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return fd >= 0 && epoll_ctl(manager->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool open_descriptors(struct manager *manager, struct pps_errors *errors)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	manager->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	manager->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (manager->epoll_fd < 0 || !watch_fd(manager, manager->signal_fd) ||
		!watch_fd(manager, manager->reload.built_fd) ||
		!watch_fd(manager, pps_ctl_server_fd(manager->ctl))) {
		pps_errors_add(errors, "", "cannot make descriptors: %s", strerror(errno));
		return false;
	}
	return true;
}

static enum pps_ctl_role authorise(const struct pps_ctl_peer *peer, void *aux)
{
	const struct manager *manager = aux;

	return access_role(&manager->admins, &manager->viewers, peer);
}

bool manager_init(struct manager *manager, const struct config *config, struct datapath *datapath,
	struct pps_errors *errors)
{
	struct pps_ctl_server_params ctl = {
		.path = config->socket,
		.mode = config->n_admins + config->n_viewers > 0 ? 0666 : 0660,
		.methods = command_table,
		.n_methods = n_commands,
		.authorise = authorise,
		.aux = manager,
	};

	*manager = (struct manager){
		.config = config,
		.datapath = datapath,
		.epoll_fd = -1,
		.signal_fd = -1,
		.started_wall_ns = pps_time_wall_ns(),
		.started_mono_ns = pps_time_mono_ns(),
	};
	manager->watches = pps_alloc(datapath->n_workers * sizeof(*manager->watches));
	access_list_init(&manager->admins, config->admins, config->n_admins);
	access_list_init(&manager->viewers, config->viewers, config->n_viewers);
	manager->pressures = pps_alloc(datapath->n_workers * sizeof(*manager->pressures));
	manager->book = pps_rule_book_create();
	for (unsigned int i = 0; i < datapath->n_workers; i++)
		pps_rule_book_add_worker(manager->book, datapath->workers[i].stats);
	if (!reload_init(&manager->reload)) {
		pps_errors_add(errors, "", "cannot make descriptors: %s", strerror(errno));
		return false;
	}
	if (!open_log(manager, errors))
		return false;
	if (config->state != NULL) {
		manager->change.history = history_open(config->state, errors);
		if (manager->change.history == NULL)
			return false;
	}
	manager->ctl = pps_ctl_server_create(&ctl, errors);
	if (manager->ctl == NULL)
		return false;
	return open_descriptors(manager, errors);
}

void manager_fini(struct manager *manager)
{
	if (manager->ctl != NULL)
		pps_ctl_server_destroy(manager->ctl);
	manager->ctl = NULL;
	drift_fini(&manager->drift);
	reload_fini(&manager->reload, manager->book);
	change_fini(&manager->change, manager->book);
	if (manager->log != NULL)
		pps_event_log_destroy(manager->log);
	if (manager->book != NULL)
		pps_rule_book_destroy(manager->book);
	if (manager->signal_fd >= 0)
		close(manager->signal_fd);
	if (manager->epoll_fd >= 0)
		close(manager->epoll_fd);
	access_list_fini(&manager->admins);
	access_list_fini(&manager->viewers);
	free(manager->pressures);
	expiry_fini(&manager->expiry);
	free(manager->watches);
}

/* ---- operations ---- */

void manager_ask(struct manager *manager, struct operation *operation)
{
	struct operation **last = &manager->operations;

	while (*last != NULL)
		last = &(*last)->next;
	operation->next = NULL;
	*last = operation;
}

static void ask_workers(struct manager *manager, struct operation *operation)
{
	operation->asked = true;
	operation->begin(manager, operation);
	for (unsigned int i = 0; i < manager->datapath->n_workers; i++) {
		if (operation->jobs[i] != NULL)
			worker_ask(&manager->datapath->workers[i], operation->jobs[i]);
	}
}

static bool is_served(const struct manager *manager, const struct operation *operation)
{
	for (unsigned int i = 0; i < manager->datapath->n_workers; i++) {
		if (operation->jobs[i] != NULL &&
			atomic_load_explicit(&operation->jobs[i]->state, memory_order_acquire) !=
				WORKER_JOB_SERVED)
			return false;
	}
	return true;
}

/* Several in one round, so that short questions do not wait a round each. */
static void run_operations(struct manager *manager)
{
	struct operation *operation;

	while ((operation = manager->operations) != NULL) {
		if (!operation->asked)
			ask_workers(manager, operation);
		if (!is_served(manager, operation))
			return;
		manager->operations = operation->next;
		operation->finish(manager, operation);
		free(operation);
	}
}

/* The workers have stopped: what they were not asked, or did not come to, has no answer. */
static void abandon_operations(struct manager *manager)
{
	struct operation *operation;

	while ((operation = manager->operations) != NULL) {
		manager->operations = operation->next;
		if (operation->asked && is_served(manager, operation)) {
			operation->finish(manager, operation);
		} else {
			pps_ctl_fail(operation->call, PPS_CTL_E_BUSY, NULL, "ppsfwd is stopping");
			operation->abandon(operation);
		}
		free(operation);
	}
}

/* ---- housekeeping ---- */

static void read_signals(struct manager *manager)
{
	struct signalfd_siginfo info;

	while (read(manager->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			reload_from_file(manager);
		} else {
			manager->stop = true;
			manager->stop_signal = (int)info.ssi_signo;
		}
	}
}

/* Which part of the last 'elapsed_ns' each worker had packets. */
static void sample_work(struct manager *manager, uint64_t elapsed_ns)
{
	for (unsigned int i = 0; i < manager->datapath->n_workers; i++) {
		const struct worker *worker = &manager->datapath->workers[i];
		struct watch *watch = &manager->watches[i];
		uint64_t worked_ns = pps_stats_load(&worker->stats->worked_ns);
		double part = (double)(worked_ns - watch->worked_ns) / (double)elapsed_ns;

		/* The last round is counted when it is over, and that may be later. */
		watch->utilisation = part < 1 ? part : 1;
		watch->worked_ns = worked_ns;
	}
}

static void sample_rates(struct manager *manager, uint64_t mono_ns)
{
	struct rates *rates = &manager->rates;
	struct datapath_totals totals;
	double seconds;

	if (rates->sampled_ns != 0 && mono_ns - rates->sampled_ns < SAMPLE_NS)
		return;
	datapath_totals(manager->datapath, &totals);
	if (rates->sampled_ns != 0) {
		seconds = (double)(mono_ns - rates->sampled_ns) / (double)PPS_NS_PER_SEC;
		rates->pass_pps = (double)(totals.passed - rates->last.passed) / seconds;
		rates->drop_pps = (double)(totals.dropped - rates->last.dropped) / seconds;
		for (unsigned int i = 0; i < PPS_PORTS_MAX; i++) {
			const struct pps_port_stats *now = &totals.ports[i];
			const struct pps_port_stats *was = &rates->last.ports[i];

			rates->ports[i].rx_pps =
				(double)(now->rx_packets - was->rx_packets) / seconds;
			rates->ports[i].tx_pps =
				(double)(now->tx_packets - was->tx_packets) / seconds;
			rates->ports[i].rx_bps =
				8.0 * (double)(now->rx_bytes - was->rx_bytes) / seconds;
			rates->ports[i].tx_bps =
				8.0 * (double)(now->tx_bytes - was->tx_bytes) / seconds;
		}
	}
	sample_work(manager, mono_ns - rates->sampled_ns);
	rates->last = totals;
	rates->sampled_ns = mono_ns;
}

static void watch_workers(struct manager *manager, uint64_t mono_ns)
{
	for (unsigned int i = 0; i < manager->datapath->n_workers; i++) {
		const struct worker *worker = &manager->datapath->workers[i];
		struct watch *watch = &manager->watches[i];
		uint64_t loops = pps_stats_load(&worker->stats->loops);
		bool stalled;

		if (watch->checked_ns != 0 && mono_ns - watch->checked_ns < WATCH_NS)
			continue;
		stalled = watch->checked_ns != 0 && loops == watch->loops &&
			!atomic_load_explicit(&worker->exhausted, memory_order_acquire);
		if (stalled != watch->stalled)
			manager_event(manager, stalled ? "worker_stalled" : "worker_recovered",
				NULL,
				json_pack("{s:i, s:i}", "worker", (int)i, "lcore",
					(int)worker->lcore));
		watch->stalled = stalled;
		watch->loops = loops;
		watch->checked_ns = mono_ns;
	}
}

static void watch_links(struct manager *manager, uint64_t mono_ns)
{
	const struct pps_ports *ports = manager->datapath->ports;
	struct pps_link_change changes[LINK_CHANGES_MAX];
	unsigned int n;

	if (mono_ns - manager->links_polled_ns < LINKS_NS)
		return;
	manager->links_polled_ns = mono_ns;
	n = pps_ports_link_poll(manager->datapath->ports, mono_ns, changes, LINK_CHANGES_MAX);
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int p = 0; p < ports->n; p++) {
			const struct pps_port *port = &ports->items[p];

			if (port->id != changes[i].port)
				continue;
			manager_event(manager, changes[i].up ? "link_up" : "link_down", NULL,
				json_pack("{s:s, s:s, s:s, s:b}", "port", port->name, "segment",
					manager->config->segments[port->segment].name, "side",
					pps_port_side_word(port), "mirrored", changes[i].mirrored));
		}
	}
}

/* People are told when exceptions are about to end, and when the clock that ends them jumps. */
static void watch_clock(struct manager *manager)
{
	int64_t seconds;

	reload_warn(manager);
	if (manager->datapath->capture_clock)
		return;
	seconds = expiry_clock_step(&manager->expiry, pps_time_wall_ns(), pps_time_mono_ns());
	if (seconds != 0)
		manager_event(manager, "clock_stepped", NULL,
			json_pack("{s:I}", "seconds", (json_int_t)seconds));
}

static void housekeep(struct manager *manager)
{
	uint64_t mono_ns = pps_time_mono_ns();

	worker_clock_adjust(&manager->datapath->clock);
	manager_drain(manager);
	pps_event_log_flush(manager->log, false);
	run_operations(manager);
	reload_run(manager);
	trial_run(manager);
	drift_run(manager);
	watch_clock(manager);
	sample_rates(manager, mono_ns);
	watch_workers(manager, mono_ns);
	watch_links(manager, mono_ns);
	manager_watch_pressure(manager, mono_ns);
	pps_ctl_server_run(manager->ctl, mono_ns);
}

void manager_run(struct manager *manager)
{
	while (!manager->stop) {
		bool busy = reload_busy(&manager->reload) || manager->operations != NULL ||
			manager->trial != NULL || drift_busy(&manager->drift) ||
			manager->datapath->capture_clock;
		struct epoll_event event;

		if (epoll_wait(manager->epoll_fd, &event, 1, busy ? ROUND_BUSY_MS : ROUND_MS) > 0 &&
			event.data.fd == manager->signal_fd)
			read_signals(manager);
		housekeep(manager);
		/* A transaction under way is brought to its end, and to its record. */
		if (manager->datapath->capture_clock && datapath_exhausted(manager->datapath) &&
			!reload_busy(&manager->reload)) {
			reload_warn(manager);
			manager->stop = true;
		}
	}
	manager->worker_hangs = !datapath_stop(manager->datapath, manager_drain, manager);
	if (manager->worker_hangs)
		return;
	/* Nobody adds to the rings any more: whatever is in them. */
	while (drain_some(manager))
		;
	abandon_operations(manager);
	manager->builder_left = drift_stop(manager);
	manager->builder_left = reload_stop(manager) || manager->builder_left;
	manager->builder_left = trial_stop(manager) || manager->builder_left;
}
