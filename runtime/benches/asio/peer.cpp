// Asio (C++) on the workloads of ../peers, as one more contender there: the same
// rounds, the same load, the same lines of `metric,value`. `run` builds and adds it.

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <asio.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace {

using asio::ip::tcp;
using asio::ip::udp;
using Clock = std::chrono::steady_clock;
using Error = const asio::error_code&;
using namespace std::chrono_literals;

// Measures --------------------------------------------------------------------

std::atomic<uint64_t> allocations{0};
bool clocks = true;
uint64_t measured = 0, warm_up = 0;
std::vector<uint64_t> laps;
Clock::time_point last_lap;

uint64_t switches() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return uint64_t(usage.ru_nvcsw);
}

uint64_t nanoseconds(Clock::duration d) {
  return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(d).count());
}

uint64_t cpu_time() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return uint64_t(t.tv_sec) * 1'000'000'000 + uint64_t(t.tv_nsec);
}

void start_laps() {
  if (clocks) last_lap = Clock::now();
}

void lap() {
  if (!clocks) return;
  auto now = Clock::now();
  laps.push_back(nanoseconds(now - last_lap));
  last_lap = now;
}

void late(Clock::time_point due) {
  if (clocks) laps.push_back(nanoseconds(Clock::now() - due));
}

// Does `work` to warm up, then for the rounds that count.
void measure(const std::function<void(uint64_t)>& work) {
  work(warm_up);
  laps.clear();
  auto wall = Clock::now();
  auto cpu = cpu_time();
  auto before = allocations.load();
  auto slept = switches();
  work(measured);
  auto wall_taken = nanoseconds(Clock::now() - wall);
  auto cpu_taken = cpu_time() - cpu;
  auto allocated = allocations.load() - before;
  slept = switches() - slept;
  auto per_round = [](uint64_t n) { return double(n) / double(measured); };
  std::printf("wall ns,%.4f\n", per_round(wall_taken));
  std::printf("CPU ns,%.4f\n", per_round(cpu_taken));
  std::printf("allocations,%.4f\n", per_round(allocated));
  std::printf("switches,%.4f\n", per_round(slept));
  std::sort(laps.begin(), laps.end());
  if (!laps.empty()) {
    auto sum = std::accumulate(laps.begin(), laps.end(), 0.0);
    std::printf("mean us,%.4f\n", sum / double(laps.size()) / 1000);
  }
  for (auto [name, share] : {std::pair{"p50 us", 0.5}, {"p99 us", 0.99}, {"p99.9 us", 0.999}}) {
    if (!laps.empty()) {
      auto lap = laps[size_t(double(laps.size() - 1) * share)];
      std::printf("%s,%.4f\n", name, double(lap) / 1000);
    }
  }
}

void check(bool good) {
  if (!good) std::abort();
}

// Makes a context that so many threads run.
std::unique_ptr<asio::io_context> context_of(unsigned threads) {
  return threads == 1 ? std::make_unique<asio::io_context>(1)
                      : std::make_unique<asio::io_context>();
}

using Work = asio::executor_work_guard<asio::io_context::executor_type>;

// Has so many `threads` run `context`, and waits until all are inside.
std::vector<std::thread> have_run(asio::io_context& context, unsigned threads) {
  std::vector<std::thread> all;
  std::promise<void> release;
  auto released = release.get_future().share();
  for (unsigned n = 0; n < threads; ++n) {
    all.emplace_back([&] { context.run(); });
    std::promise<void> inside;
    auto arrived = inside.get_future();
    // It holds its thread, so that the next such task is for the next thread.
    asio::post(context, [inside = std::move(inside), released]() mutable {
      inside.set_value();
      released.wait();
    });
    arrived.wait();
  }
  release.set_value();
  return all;
}

// Calls `begin`, and runs `context` until there is nothing left to do: on this thread,
// or on so many others, which are all inside, and idle, when `begin` is called.
void run_by(asio::io_context& context, unsigned threads, auto begin) {
  if (threads == 1) {
    begin();
    context.run();
  } else {
    Work work(context.get_executor());
    auto all = have_run(context, threads);
    begin();
    work.reset();
    for (auto& thread : all) thread.join();
  }
  context.restart();
}

// Posts -----------------------------------------------------------------------

struct Again {
  asio::io_context& context;
  uint64_t rounds, burst;

  void operator()() const {
    for (uint64_t n = 1; n < std::min(burst, rounds); ++n) asio::post(context, [] {});
    if (rounds > 0) asio::post(context, Again{context, rounds - std::min(burst, rounds), burst});
  }
};

void posts(uint64_t burst) {
  asio::io_context context(1);
  measure([&](uint64_t rounds) {
    Again{context, rounds, burst}();
    context.run();
    context.restart();
  });
}

void dispatch_inline() {
  asio::io_context context(1);
  measure([&](uint64_t rounds) {
    asio::post(context, [&, rounds] {
      volatile uint64_t sink = 0;
      for (uint64_t n = 0; n < rounds; ++n) asio::dispatch(context, [&sink, n] { sink = n; });
    });
    context.run();
    context.restart();
  });
}

void spawn_join() {
  asio::io_context context(1);
  measure([&](uint64_t rounds) {
    auto joins = [&, rounds]() -> asio::awaitable<void> {
      for (uint64_t n = 0; n < rounds; ++n) {
        auto one = [n]() -> asio::awaitable<uint64_t> { co_return n; };
        check(co_await asio::co_spawn(context, one(), asio::use_awaitable) == n);
      }
    };
    asio::co_spawn(context, joins(), asio::detached);
    context.run();
    context.restart();
  });
}

// Threads ---------------------------------------------------------------------

void cross_thread(uint64_t producers, unsigned threads_that_run) {
  asio::io_context context;
  measure([&](uint64_t rounds) {
    std::atomic<uint64_t> left{rounds};
    Work work(context.get_executor());
    std::vector<std::thread> threads;
    for (uint64_t p = 0; p < producers; ++p) {
      auto share = rounds / producers + (p < rounds % producers);
      threads.emplace_back([&, share] {
        for (uint64_t n = 0; n < share; ++n) {
          asio::post(context, [&] {
            if (left.fetch_sub(1, std::memory_order_relaxed) == 1) work.reset();
          });
        }
      });
    }
    run_by(context, threads_that_run, [] {});
    for (auto& thread : threads) thread.join();
  });
}

void strand() {
  using Strand = asio::strand<asio::io_context::executor_type>;
  struct Burst {
    asio::io_context& context;
    Strand strand;
    uint64_t left;
    std::atomic<uint64_t>& sum;

    void operator()() const {
      for (uint64_t n = 0; n < std::min<uint64_t>(100, left); ++n) {
        asio::post(strand, [&sum = sum] { sum.fetch_sub(1, std::memory_order_relaxed); });
      }
      if (left >= 100) asio::post(context, Burst{context, strand, left - 100, sum});
    }
  };
  asio::io_context context(2);
  Strand strand(context.get_executor());
  measure([&](uint64_t rounds) {
    std::atomic<uint64_t> sum{rounds / 2 * 2};
    for (int n = 0; n < 2; ++n) Burst{context, strand, rounds / 2, sum}();
    std::thread other([&] { context.run(); });
    context.run();
    other.join();
    check(sum == 0);
    context.restart();
  });
}

// Runners ---------------------------------------------------------------------

void repost(unsigned threads) {
  auto context = context_of(threads);
  measure([&](uint64_t rounds) { run_by(*context, threads, Again{*context, rounds, 1}); });
}

void spawn_join_outside(unsigned threads) {
  auto context = context_of(threads);
  Work work(context->get_executor());
  auto runners = have_run(*context, threads);
  measure([&](uint64_t rounds) {
    for (uint64_t n = 0; n < rounds; ++n) {
      auto one = [n]() -> asio::awaitable<uint64_t> { co_return n; };
      check(asio::co_spawn(*context, one(), asio::use_future).get() == n);
    }
  });
  work.reset();
  for (auto& runner : runners) runner.join();
}

// Fan-out ---------------------------------------------------------------------

// The same as in ../peers/fan_out.rs.
constexpr uint64_t turns = 600;

void compute(uint64_t microseconds) {
  uint64_t x = 88172645463325252;
  asm volatile("" : "+r"(x));
  for (uint64_t n = 0; n < turns * microseconds; ++n) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  asm volatile("" : : "r"(x));
}

struct Bursts {
  asio::io_context& context;
  uint64_t microseconds, rounds;
  std::atomic<uint64_t> left{0};

  void burst() {
    auto tasks = std::min<uint64_t>(1000, rounds);
    rounds -= tasks;
    left = tasks;
    for (uint64_t n = 0; n < tasks; ++n) {
      asio::post(context, [this] {
        compute(microseconds);
        if (left.fetch_sub(1) == 1) burst();
      });
    }
  }
};

void fan_out(uint64_t microseconds, unsigned threads) {
  auto context = context_of(threads);
  measure([&](uint64_t rounds) {
    Bursts bursts{*context, microseconds, rounds};
    run_by(*context, threads, [&] { asio::post(*context, [&] { bursts.burst(); }); });
  });
}

// Timers ----------------------------------------------------------------------

Clock::duration shuffled(uint64_t n) {
  return 3600s + std::chrono::microseconds((n * 0x9e3779b97f4a7c15) >> 32);
}

struct Churn {
  asio::steady_timer& timer;
  uint64_t rounds;

  void operator()(Error) const {
    if (rounds == 0) return;
    timer.expires_after(3600s);
    timer.async_wait(Churn{timer, rounds - 1});
    timer.cancel();
  }
};

void timers_churn() {
  asio::io_context context(1);
  asio::steady_timer timer(context);
  measure([&](uint64_t rounds) {
    Churn{timer, rounds}({});
    context.run();
    context.restart();
  });
}

// A new timer each time, whose drop cancels the wait.
struct New {
  asio::io_context& context;
  uint64_t rounds;

  void operator()(Error) const {
    if (rounds == 0) return;
    asio::steady_timer timer(context, 3600s);
    timer.async_wait(New{context, rounds - 1});
  }
};

void timers_new() {
  asio::io_context context(1);
  measure([&](uint64_t rounds) {
    New{context, rounds}({});
    context.run();
    context.restart();
  });
}

void timers_pending() {
  asio::io_context context(1);
  measure([&](uint64_t rounds) {
    std::vector<asio::steady_timer> timers;
    timers.reserve(rounds);
    for (uint64_t n = 0; n < rounds; ++n) {
      timers.emplace_back(context, shuffled(n)).async_wait([](Error error) { check(!!error); });
    }
    for (auto& timer : timers) timer.cancel();
    check(context.run() == rounds);
    context.restart();
  });
}

void timers_fired(Clock::duration gap) {
  asio::io_context context(1);
  measure([&](uint64_t rounds) {
    auto start = Clock::now();
    std::vector<asio::steady_timer> timers;
    timers.reserve(rounds);
    for (uint64_t n = 0; n < rounds; ++n) {
      auto due = start + std::chrono::microseconds(2 * rounds) + gap * n;
      timers.emplace_back(context, due).async_wait([due](Error error) {
        check(!error);
        late(due);
      });
    }
    context.run();
    context.restart();
  });
}

// Ping-pong -------------------------------------------------------------------

constexpr size_t length = 64;
using Message = std::array<char, 256>; // with room for more

void send(tcp::socket& s, Message& m, auto f) { s.async_write_some(asio::buffer(m, length), f); }
void receive(tcp::socket& s, Message& m, auto f) { s.async_read_some(asio::buffer(m), f); }
using local = asio::local::stream_protocol;
void send(local::socket& s, Message& m, auto f) { s.async_write_some(asio::buffer(m, length), f); }
void receive(local::socket& s, Message& m, auto f) { s.async_read_some(asio::buffer(m), f); }
void send(udp::socket& s, Message& m, auto f) { s.async_send(asio::buffer(m, length), f); }
void receive(udp::socket& s, Message& m, auto f) { s.async_receive(asio::buffer(m), f); }

// What is read and written whole.
struct Whole {
  tcp::socket socket;
};
void send(Whole& s, Message& m, auto f) { asio::async_write(s.socket, asio::buffer(m, length), f); }
void receive(Whole& s, Message& m, auto f) { asio::async_read(s.socket, asio::buffer(m, length), f); }

template <class Socket>
struct End {
  Socket socket;
  Message message{};

  void client(uint64_t rounds) {
    if (rounds == 0) return;
    send(socket, message, [this, rounds](Error error, size_t n) {
      check(!error && n == length);
      receive(socket, message, [this, rounds](Error error, size_t n) {
        check(!error && n == length);
        lap();
        client(rounds - 1);
      });
    });
  }

  void server(uint64_t rounds) {
    if (rounds == 0) return;
    receive(socket, message, [this, rounds](Error error, size_t n) {
      check(!error && n == length);
      send(socket, message, [this, rounds](Error error, size_t n) {
        check(!error && n == length);
        server(rounds - 1);
      });
    });
  }
};

std::array<End<tcp::socket>, 2> tcp_pair(asio::io_context& one, asio::io_context& other) {
  tcp::acceptor acceptor(other, {asio::ip::address_v4::loopback(), 0});
  tcp::socket a(one);
  a.connect(acceptor.local_endpoint());
  tcp::socket b = acceptor.accept(other);
  a.set_option(tcp::no_delay(true));
  b.set_option(tcp::no_delay(true));
  return {End<tcp::socket>{std::move(a)}, End<tcp::socket>{std::move(b)}};
}

std::array<End<Whole>, 2> whole_pair(asio::io_context& context) {
  auto [a, b] = tcp_pair(context, context);
  return {End<Whole>{{std::move(a.socket)}}, End<Whole>{{std::move(b.socket)}}};
}

std::array<End<udp::socket>, 2> udp_pair(asio::io_context& context) {
  udp::endpoint any(asio::ip::address_v4::loopback(), 0);
  udp::socket a(context, any), b(context, any);
  a.connect(b.local_endpoint());
  b.connect(a.local_endpoint());
  return {End<udp::socket>{std::move(a)}, End<udp::socket>{std::move(b)}};
}

std::array<End<local::socket>, 2> unix_pair(asio::io_context& context) {
  local::socket a(context), b(context);
  asio::local::connect_pair(a, b);
  return {End<local::socket>{std::move(a)}, End<local::socket>{std::move(b)}};
}

void ping_pong(asio::io_context& context, auto ends) {
  measure([&](uint64_t rounds) {
    start_laps();
    ends[1].server(rounds);
    ends[0].client(rounds);
    context.run();
    context.restart();
  });
}

void two_threads() {
  asio::io_context one(1), other(1);
  auto ends = tcp_pair(one, other);
  measure([&](uint64_t rounds) {
    ends[1].server(rounds);
    std::thread server([&] { other.run(); });
    start_laps();
    ends[0].client(rounds);
    one.run();
    server.join();
    one.restart();
    other.restart();
  });
}

// Lockstep --------------------------------------------------------------------

// The load of ../peers/lockstep.rs.
size_t bytes_under_way = 0;
std::unique_ptr<struct Load> load;

struct Load {
  asio::io_context context;
  std::vector<tcp::socket> connections;
  std::vector<char> message;
  uint64_t left;

  void send() {
    auto n = std::min<size_t>(left, connections.size());
    left -= n;
    bytes_under_way = n * message.size();
    for (size_t i = 0; i < n; ++i) asio::write(connections[i], asio::buffer(message));
    while (connections.size() > n) connections.pop_back();
  }

  void receive() {
    for (auto& connection : connections) asio::read(connection, asio::buffer(message));
  }
};

void begin_load(tcp::endpoint server, uint64_t connections, size_t size, uint64_t messages) {
  load = std::make_unique<Load>();
  for (uint64_t n = 0; n < connections; ++n) {
    load->connections.emplace_back(load->context).connect(server);
    load->connections.back().set_option(tcp::no_delay(true));
  }
  load->message.assign(size, 7);
  load->left = messages;
  load->send();
}

[[gnu::noinline]] void uncounted_turn() {
  load->receive();
  if (load->left > 0) load->send();
  else load.reset();
}

void echoed(size_t bytes) {
  if (bytes_under_way > 0 && (bytes_under_way -= bytes) == 0) uncounted_turn();
}

// Echo ------------------------------------------------------------------------

struct Session : std::enable_shared_from_this<Session> {
  tcp::socket socket;
  std::vector<char> buffer = std::vector<char>(16 << 10);

  explicit Session(tcp::socket s) : socket(std::move(s)) {}

  void echo() {
    auto self = shared_from_this();
    socket.async_read_some(asio::buffer(buffer), [self](Error error, size_t n) {
      if (error) return;
      asio::async_write(self->socket, asio::buffer(self->buffer, n), [self](Error error, size_t n) {
        if (error) return;
        echoed(n);
        self->echo();
      });
    });
  }
};

void accept(tcp::acceptor& acceptor, uint64_t connections) {
  if (connections == 0) return;
  acceptor.async_accept([&acceptor, connections](Error error, tcp::socket socket) {
    check(!error);
    socket.set_option(tcp::no_delay(true));
    std::make_shared<Session>(std::move(socket))->echo();
    accept(acceptor, connections - 1);
  });
}

void serve(const char* kind, uint64_t at_a_time, size_t size, unsigned threads) {
  auto context = context_of(threads);
  measure([&](uint64_t messages) {
    tcp::acceptor acceptor(*context, {asio::ip::address_v4::loopback(), 0});
    auto port = acceptor.local_endpoint().port();
    if (std::string("lockstep") == kind) {
      begin_load(acceptor.local_endpoint(), at_a_time, size, messages);
    } else {
      std::printf("load,%s,127.0.0.1:%u,%lu,%zu,%lu\n", kind, port, at_a_time, size, messages);
      std::fflush(stdout);
    }
    bool churn = std::string("churn") == kind;
    auto connections = churn ? std::max(messages, at_a_time) : at_a_time;
    run_by(*context, threads, [&] { accept(acceptor, connections); });
  });
}

struct Workload {
  const char* name;
  uint64_t warm_up; // as in ../peers: a tenth of the rounds in brief
  void (*run)();
  const char* contender = "Asio";
};

constexpr const char* two = "Asio 2 threads";

constexpr Workload workloads[] = {
    {"post-chain", 2000, [] { posts(1); }},
    {"post-fan-out", 2000, [] { posts(1000); }},
    {"dispatch-inline", 5000, dispatch_inline},
    {"spawn-join", 1000, spawn_join},
    {"cross-thread-1", 2000, [] { cross_thread(1, 1); }},
    {"cross-thread-1", 2000, [] { cross_thread(1, 2); }, two},
    {"cross-thread-4", 2000, [] { cross_thread(4, 1); }},
    {"cross-thread-4", 2000, [] { cross_thread(4, 2); }, two},
    {"strand", 2000, strand},
    {"repost-2", 2000, [] { repost(1); }},
    {"repost-2", 2000, [] { repost(2); }, two},
    {"spawn-join-outside", 200, [] { spawn_join_outside(1); }},
    {"spawn-join-outside", 200, [] { spawn_join_outside(2); }, two},
    {"fan-out-1us", 2000, [] { fan_out(1, 1); }},
    {"fan-out-1us", 2000, [] { fan_out(1, 2); }, two},
    {"fan-out-10us", 500, [] { fan_out(10, 1); }},
    {"fan-out-10us", 500, [] { fan_out(10, 2); }, two},
    {"fan-out-100us", 100, [] { fan_out(100, 1); }},
    {"fan-out-100us", 100, [] { fan_out(100, 2); }, two},
    {"timers-churn", 1000, timers_churn},
    {"timers-pending", 1000, timers_pending},
    {"timers-new", 1000, timers_new},
    {"timers-fired", 400, [] { timers_fired(5us); }},
    {"timers-fired-1000", 2000, [] { timers_fired(1us); }},
    {"tcp-ping-pong", 100, [] {
       asio::io_context context(1);
       ping_pong(context, tcp_pair(context, context));
     }},
    {"tcp-read-exact", 100, [] {
       asio::io_context context(1);
       ping_pong(context, whole_pair(context));
     }},
    {"tcp-two-threads", 100, two_threads},
    {"udp-ping-pong", 100, [] {
       asio::io_context context(1);
       ping_pong(context, udp_pair(context));
     }},
    {"unix-ping-pong", 100, [] {
       asio::io_context context(1);
       ping_pong(context, unix_pair(context));
     }},
    {"echo-1", 100, [] { serve("echo", 1, 64, 1); }},
    {"echo-1", 100, [] { serve("echo", 1, 64, 2); }, two},
    {"echo-64", 400, [] { serve("echo", 64, 64, 1); }},
    {"echo-64", 400, [] { serve("echo", 64, 64, 2); }, two},
    {"echo-1000", 400, [] { serve("echo", 1000, 64, 1); }},
    {"echo-1000", 400, [] { serve("echo", 1000, 64, 2); }, two},
    {"echo-64-16k", 200, [] { serve("echo", 64, 16 << 10, 1); }},
    {"echo-64-16k", 200, [] { serve("echo", 64, 16 << 10, 2); }, two},
    {"echo-1000-16k", 200, [] { serve("echo", 1000, 16 << 10, 1); }},
    {"echo-1000-16k", 200, [] { serve("echo", 1000, 16 << 10, 2); }, two},
    {"lockstep-64", 400, [] { serve("lockstep", 64, 64, 1); }},
    {"lockstep-1000", 400, [] { serve("lockstep", 1000, 64, 1); }},
    {"lockstep-1000-16k", 400, [] { serve("lockstep", 1000, 16 << 10, 1); }},
    {"churn", 50, [] { serve("churn", 8, 64, 1); }},
    {"churn", 50, [] { serve("churn", 8, 64, 2); }, two},
};

} // namespace

void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* block = std::malloc(size)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, size_t) noexcept { std::free(block); }

// Asio takes memory by this one, too; see the linker's option `--wrap`.
extern "C" void* __real_aligned_alloc(size_t alignment, size_t size);
extern "C" void* __wrap_aligned_alloc(size_t alignment, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __real_aligned_alloc(alignment, size);
}

// `peer run|count WORKLOAD CONTENDER ROUNDS`, and `peer contenders WORKLOAD`
int main(int argc, char** argv) {
  if (argc < 3) return 1;
  std::string name = argv[2];
  if (argc == 3) {
    for (auto& workload : workloads) {
      if (workload.name == name) std::puts(workload.contender);
    }
    return 0;
  }
  if (argc != 5) return 1;
  clocks = argv[1] == std::string("run");
  measured = std::strtoull(argv[4], nullptr, 10);
  for (auto& workload : workloads) {
    if (workload.name == name && workload.contender == std::string(argv[3])) {
      warm_up = workload.warm_up;
      workload.run();
      return 0;
    }
  }
  return 1;
}
