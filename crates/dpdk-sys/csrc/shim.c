/*
 * The part of Rackless that must be C: DPDK's inline functions, and its structs that only C headers know.
 *
 * Built into a shared object of one exported symbol, a table of functions (struct shim), mirrored in src/shim.rs.
 * Every function returns a negative errno where it can fail, and none ends the process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_version.h>

/* Raise it with every change of struct shim or of a struct below; src/shim.rs has the same number. */
#define SHIM_ABI 2

#define FIELD(name, offset) \
	_Static_assert(offsetof(struct rte_mbuf, name) == offset, "rte_mbuf." #name " is not where Rust expects it");
MBUF_FIELDS
#undef FIELD
_Static_assert(sizeof(struct rte_mbuf) == MBUF_SIZE, "rte_mbuf is not as large as Rust expects it");

/* What Rust knows of a device. */
struct shim_device {
	uint8_t mac[6];
	uint16_t mtu;
	uint16_t max_rx_queues;
	uint16_t max_tx_queues;
	uint32_t max_frame_len;
	int32_t socket;
	char driver[48];
};

/* What Rust chooses for a device. */
struct shim_config {
	uint16_t rx_queues;
	uint16_t tx_queues;
	uint16_t rx_descriptors;
	uint16_t tx_descriptors;
	uint16_t mtu; /* 0: as it is */
	uint16_t promiscuous;
};

struct shim_stats {
	uint64_t rx_packets, rx_bytes, rx_missed, rx_errors, rx_no_mbuf;
	uint64_t tx_packets, tx_bytes, tx_errors;
};

/* ---- Messages: kept in memory, the newest LOG_SIZE bytes, until Rust takes them ---- */

#define LOG_SIZE 16384
static char log_text[LOG_SIZE];
static size_t log_len;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t log_write(void *cookie, const char *text, size_t len)
{
	size_t all = len;

	(void)cookie;
	pthread_mutex_lock(&log_lock);
	if (len > LOG_SIZE) {
		text += len - LOG_SIZE;
		len = LOG_SIZE;
	}
	if (log_len + len > LOG_SIZE) {
		size_t drop = log_len + len - LOG_SIZE;
		memmove(log_text, log_text + drop, log_len - drop);
		log_len -= drop;
	}
	memcpy(log_text + log_len, text, len);
	log_len += len;
	pthread_mutex_unlock(&log_lock);
	return (ssize_t)all;
}

static size_t log_take(char *into, size_t size)
{
	pthread_mutex_lock(&log_lock);
	size_t len = log_len < size ? log_len : size;
	memcpy(into, log_text + log_len - len, len);
	log_len = 0;
	pthread_mutex_unlock(&log_lock);
	return len;
}

/* ---- EAL ---- */

static int eal_init(int argc, char **argv)
{
	cookie_io_functions_t functions = { .write = log_write };
	FILE *stream = fopencookie(NULL, "w", functions);
	if (stream == NULL)
		return -ENOMEM;
	setvbuf(stream, NULL, _IOLBF, 0);
	rte_openlog_stream(stream);

	/* EAL prints its usage and its fatal errors past its log: to C's streams, which Rust does not use. */
	FILE *saved_out = stdout, *saved_err = stderr;
	stdout = stream;
	stderr = stream;
	int ret = rte_eal_init(argc, argv);
	int code = rte_errno;
	fflush(stream);
	stdout = saved_out;
	stderr = saved_err;
	return ret < 0 ? -(code > 0 ? code : EIO) : 0;
}

static int eal_cleanup(void)
{
	int ret = rte_eal_cleanup();
	rte_openlog_stream(NULL);
	return ret;
}

static const char *error_text(int code)
{
	return rte_strerror(code);
}

static const char *runtime_dir(void)
{
	return rte_eal_get_runtime_dir();
}

/* A thread that is not EAL's own gets an lcore id, and with it a cache in every mempool. */
static int thread_register(void)
{
	return rte_thread_register() < 0 ? -rte_errno : 0;
}

static void thread_unregister(void)
{
	rte_thread_unregister();
}

/* ---- Buffers ---- */

static int pool_create(const char *name, uint32_t count, uint32_t cache, uint16_t priv_size, uint16_t room,
		       struct rte_mempool **pool)
{
	*pool = rte_pktmbuf_pool_create(name, count, cache, priv_size, room, SOCKET_ID_ANY);
	return *pool == NULL ? -(rte_errno > 0 ? rte_errno : ENOMEM) : 0;
}

static void pool_free(struct rte_mempool *pool)
{
	rte_mempool_free(pool);
}

static uint32_t pool_in_use(const struct rte_mempool *pool)
{
	return rte_mempool_in_use_count(pool);
}

static struct rte_mbuf *alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

static int alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **mbufs, uint32_t n)
{
	return rte_pktmbuf_alloc_bulk(pool, mbufs, n);
}

static void free_one(struct rte_mbuf *mbuf)
{
	rte_pktmbuf_free(mbuf);
}

static void free_bulk(struct rte_mbuf **mbufs, uint32_t n)
{
	rte_pktmbuf_free_bulk(mbufs, n);
}

static int linearise(struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_linearize(mbuf);
}

/* ---- Devices ---- */

static int attach(const char *bus, const char *name, const char *arguments, uint16_t *port)
{
	int ret = rte_eal_hotplug_add(bus, name, arguments);
	if (ret < 0)
		return ret;
	return rte_eth_dev_get_port_by_name(name, port);
}

static int detach(const char *bus, const char *name)
{
	return rte_eal_hotplug_remove(bus, name);
}

static int port_by_name(const char *name, uint16_t *port)
{
	return rte_eth_dev_get_port_by_name(name, port);
}

static int device(uint16_t port, struct shim_device *out)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	int ret = rte_eth_dev_info_get(port, &info);
	if (ret < 0)
		return ret;
	memset(out, 0, sizeof(*out));
	if (rte_eth_macaddr_get(port, &mac) == 0)
		memcpy(out->mac, mac.addr_bytes, sizeof(out->mac));
	rte_eth_dev_get_mtu(port, &out->mtu);
	out->max_rx_queues = info.max_rx_queues;
	out->max_tx_queues = info.max_tx_queues;
	out->max_frame_len = info.max_rx_pktlen;
	out->socket = rte_eth_dev_socket_id(port);
	snprintf(out->driver, sizeof(out->driver), "%s", info.driver_name ? info.driver_name : "");
	return 0;
}

static int setup_queues(uint16_t port, const struct shim_config *config, struct rte_mempool *pool)
{
	uint16_t rx_descriptors = config->rx_descriptors, tx_descriptors = config->tx_descriptors;
	int socket = rte_eth_dev_socket_id(port);
	int ret = rte_eth_dev_adjust_nb_rx_tx_desc(port, &rx_descriptors, &tx_descriptors);
	for (uint16_t queue = 0; ret == 0 && queue < config->rx_queues; queue++)
		ret = rte_eth_rx_queue_setup(port, queue, rx_descriptors, socket, NULL, pool);
	for (uint16_t queue = 0; ret == 0 && queue < config->tx_queues; queue++)
		ret = rte_eth_tx_queue_setup(port, queue, tx_descriptors, socket, NULL);
	return ret;
}

/* No offload is asked for, neither at rx nor at tx: what Rust sees and sends is what is on the wire. */
static int start(uint16_t port, const struct shim_config *config, struct rte_mempool *pool)
{
	struct rte_eth_conf conf;
	memset(&conf, 0, sizeof(conf));
	int ret = rte_eth_dev_configure(port, config->rx_queues, config->tx_queues, &conf);
	if (ret == 0)
		ret = setup_queues(port, config, pool);
	if (ret == 0 && config->mtu != 0)
		ret = rte_eth_dev_set_mtu(port, config->mtu);
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	if (ret == 0 && config->promiscuous) {
		ret = rte_eth_promiscuous_enable(port);
		if (ret == -ENOTSUP) /* net_ring and other drivers without a filter */
			ret = 0;
	}
	return ret;
}

static int set_promiscuous(uint16_t port, int on)
{
	return on ? rte_eth_promiscuous_enable(port) : rte_eth_promiscuous_disable(port);
}

static int promiscuous(uint16_t port)
{
	return rte_eth_promiscuous_get(port);
}

/* Drivers change the MTU of a running device or of a stopped one; which, only trying tells. */
static int set_mtu(uint16_t port, uint16_t mtu)
{
	int ret = rte_eth_dev_set_mtu(port, mtu);
	if (ret != -EBUSY)
		return ret;
	ret = rte_eth_dev_stop(port);
	if (ret < 0)
		return ret;
	ret = rte_eth_dev_set_mtu(port, mtu);
	int started = rte_eth_dev_start(port);
	return ret < 0 ? ret : started;
}

static int mac_add(uint16_t port, const uint8_t *mac)
{
	struct rte_ether_addr address;
	memcpy(address.addr_bytes, mac, sizeof(address.addr_bytes));
	return rte_eth_dev_mac_addr_add(port, &address, 0);
}

static int mac_remove(uint16_t port, const uint8_t *mac)
{
	struct rte_ether_addr address;
	memcpy(address.addr_bytes, mac, sizeof(address.addr_bytes));
	return rte_eth_dev_mac_addr_remove(port, &address);
}

static int stop_and_close(uint16_t port)
{
	int stopped = rte_eth_dev_stop(port);
	int closed = rte_eth_dev_close(port);
	return stopped < 0 ? stopped : closed;
}

static int link_up(uint16_t port)
{
	struct rte_eth_link link;
	int ret = rte_eth_link_get_nowait(port, &link);
	return ret < 0 ? ret : link.link_status == RTE_ETH_LINK_UP;
}

static int stats(uint16_t port, struct shim_stats *out)
{
	struct rte_eth_stats stats;
	int ret = rte_eth_stats_get(port, &stats);
	if (ret < 0)
		return ret;
	*out = (struct shim_stats){
		.rx_packets = stats.ipackets, .rx_bytes = stats.ibytes, .rx_missed = stats.imissed,
		.rx_errors = stats.ierrors, .rx_no_mbuf = stats.rx_nombuf,
		.tx_packets = stats.opackets, .tx_bytes = stats.obytes, .tx_errors = stats.oerrors,
	};
	return 0;
}

static uint16_t rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	return rte_eth_rx_burst(port, queue, mbufs, n);
}

static uint16_t tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	return rte_eth_tx_burst(port, queue, mbufs, n);
}

/* ---- The table ---- */

struct shim {
	uint32_t abi;
	uint32_t size;
	int (*eal_init)(int, char **);
	int (*eal_cleanup)(void);
	size_t (*log_take)(char *, size_t);
	const char *(*version)(void);
	const char *(*error_text)(int);
	const char *(*runtime_dir)(void);
	int (*thread_register)(void);
	void (*thread_unregister)(void);
	int (*pool_create)(const char *, uint32_t, uint32_t, uint16_t, uint16_t, struct rte_mempool **);
	void (*pool_free)(struct rte_mempool *);
	uint32_t (*pool_in_use)(const struct rte_mempool *);
	struct rte_mbuf *(*alloc)(struct rte_mempool *);
	int (*alloc_bulk)(struct rte_mempool *, struct rte_mbuf **, uint32_t);
	void (*free_one)(struct rte_mbuf *);
	void (*free_bulk)(struct rte_mbuf **, uint32_t);
	int (*linearise)(struct rte_mbuf *);
	int (*attach)(const char *, const char *, const char *, uint16_t *);
	int (*detach)(const char *, const char *);
	int (*port_by_name)(const char *, uint16_t *);
	int (*device)(uint16_t, struct shim_device *);
	int (*start)(uint16_t, const struct shim_config *, struct rte_mempool *);
	int (*set_promiscuous)(uint16_t, int);
	int (*promiscuous)(uint16_t);
	int (*set_mtu)(uint16_t, uint16_t);
	int (*mac_add)(uint16_t, const uint8_t *);
	int (*mac_remove)(uint16_t, const uint8_t *);
	int (*stop_and_close)(uint16_t);
	int (*link_up)(uint16_t);
	int (*stats)(uint16_t, struct shim_stats *);
	uint16_t (*rx_burst)(uint16_t, uint16_t, struct rte_mbuf **, uint16_t);
	uint16_t (*tx_burst)(uint16_t, uint16_t, struct rte_mbuf **, uint16_t);
};

__attribute__((visibility("default"))) const struct shim rackless_dpdk_shim = {
	SHIM_ABI, sizeof(struct shim), eal_init, eal_cleanup, log_take, rte_version, error_text, runtime_dir,
	thread_register, thread_unregister, pool_create, pool_free, pool_in_use, alloc, alloc_bulk, free_one,
	free_bulk, linearise, attach, detach, port_by_name, device, start, set_promiscuous, promiscuous, set_mtu,
	mac_add, mac_remove, stop_and_close, link_up, stats, rx_burst, tx_burst,
};
