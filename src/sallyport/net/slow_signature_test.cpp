#include <semaphore>
#include <thread>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sallyport/net/net_test.hpp>
#include <sallyport/net/openssl.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::net {
namespace {

work_owner owner_of(const char* address) { return {ip_address::parse(address).value(), nullptr}; }

/// A queue with two places, and one thread that works until it is released.
class slow_signature_test : public net_test {
protected:
    task<bool> occupy() {
        const auto work = [this] {
            started.release();
            released.acquire();
        };
        return offload_if_place(queue, test_loop(), work, owner_of("192.0.2.9"));
    }

    worker_pool queue{1, 2};
    std::binary_semaphore started{0};
    std::binary_semaphore released{0};
};

task<bool> runs_elsewhere(worker_pool& queue, loop& l) {
    const auto own = std::this_thread::get_id();
    auto other = own;
    const auto note_thread = [&other] { other = std::this_thread::get_id(); };
    const bool had_turn = co_await offload_if_place(queue, l, note_thread, owner_of("192.0.2.1"));
    co_return had_turn&& other != own&& std::this_thread::get_id() == own;
}

TEST_F(slow_signature_test, runs_on_another_thread_and_returns_to_the_loop) {
    EXPECT_TRUE(run(runs_elsewhere(queue, test_loop())));
}

task<bool> note_turn(worker_pool& queue, loop& l, const char* address, std::string& order) {
    const auto note = [&order, address] { order += address + 8; };
    const bool had_turn = co_await offload_if_place(queue, l, note, owner_of(address));
    co_return had_turn;
}

task<std::string> fill(worker_pool& queue, loop& l, task<bool> occupy, std::binary_semaphore& started,
                       std::binary_semaphore& released) {
    std::string order;
    concurrent_task running(l, std::move(occupy));
    co_await l.yield();
    started.acquire();
    // The loop continues while the only thread is busy.
    concurrent_task first(l, note_turn(queue, l, "192.0.2.1", order));
    concurrent_task second(l, note_turn(queue, l, "192.0.2.1", order));
    co_await l.yield();
    concurrent_task third(l, note_turn(queue, l, "192.0.2.1", order));
    const bool third_had_turn = co_await third.get();
    concurrent_task other(l, note_turn(queue, l, "192.0.2.2", order));
    const bool second_had_turn = co_await second.get();
    released.release();
    EXPECT_FALSE(third_had_turn || second_had_turn);
    EXPECT_TRUE(co_await running.get());
    EXPECT_TRUE(co_await first.get());
    EXPECT_TRUE(co_await other.get());
    co_return order;
}

TEST_F(slow_signature_test, rejects_handshakes_of_the_address_with_the_largest_part_of_the_queue) {
    EXPECT_EQ(run(fill(queue, test_loop(), occupy(), started, released)), "12");
}

// ---- Handshakes

std::string text_of(const bio_ptr& memory) {
    char* data = nullptr;
    const auto size = BIO_ctrl(memory.get(), BIO_CTRL_INFO, 0, static_cast<void*>(&data));
    return {data, static_cast<std::size_t>(size)};
}

/// A server whose key is too slow for an event loop.
tls_server_context make_server_with_rsa_key() {
    const key_ptr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{3072}));
    const x509_ptr certificate(X509_new());
    auto* c = certificate.get();
    X509_gmtime_adj(X509_getm_notBefore(c), -60);
    X509_gmtime_adj(X509_getm_notAfter(c), 3600);
    X509_set_pubkey(c, key.get());
    X509_sign(c, key.get(), EVP_sha256());
    const bio_ptr certificate_text(BIO_new(BIO_s_mem()));
    const bio_ptr key_text(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(certificate_text.get(), c);
    PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return *tls_server_context::from_pem(text_of(certificate_text), text_of(key_text));
}

const tls_server_context& server_with_rsa_key() {
    static const auto made = make_server_with_rsa_key();
    return made;
}

struct outcome {
    result<void> client;
    result<void> server;
};

/// While the thread is busy, the handshake waits and the loop continues; `in_queue` is called then.
task<outcome> wait_for_turn(loop& l, tls_server_context server, bool tls12, worker_pool& queue, task<bool> occupy,
                            std::binary_semaphore& started, std::function<void(stream_pair&)> in_queue) {
    auto pair = co_await make_stream_pair(l);
    const auto client = *tls_client_context::make({.verify = false, .tls12_only = tls12});
    concurrent_task busy(l, std::move(occupy));
    co_await l.yield();
    started.acquire();
    tls_accept_options how{"s"};
    how.signatures = &queue;
    const tls_connect_options options{};
    concurrent_task accepting(l, pair.server.accept_tls(server, how, soon()));
    concurrent_task connecting(l, pair.client.connect_tls(client, options, soon()));
    co_await l.sleep_for(50ms);
    in_queue(pair);
    EXPECT_TRUE(co_await busy.get());
    outcome both;
    both.server = co_await accepting.get();
    if (!both.server) pair.server.close();
    both.client = co_await connecting.get();
    if (!both.server || !both.client) co_return both;
    std::array<char, 8> buffer;
    const auto sent = co_await pair.client.write_all("a", soon());
    const auto got = co_await pair.server.read_some(buffer, soon());
    EXPECT_TRUE(sent && got);
    co_return both;
}

TEST_F(slow_signature_test, slow_signatures_wait_while_the_loop_continues) {
    const auto& server = server_with_rsa_key();
    for (const bool tls12 : {false, true}) {
        const auto in_queue = [this](stream_pair& pair) {
            EXPECT_FALSE(pair.server.is_tls());
            released.release();
        };
        const auto both = run(wait_for_turn(test_loop(), server, tls12, queue, occupy(), started, in_queue));
        EXPECT_TRUE(both.server) << both.server.error().what;
        EXPECT_TRUE(both.client) << both.client.error().what;
    }
}

TEST_F(slow_signature_test, no_signature_is_made_for_a_client_that_has_left) {
    const auto in_queue = [this](stream_pair& pair) {
        pair.client.close();
        released.release();
    };
    const auto both = run(wait_for_turn(test_loop(), server_with_rsa_key(), false, queue, occupy(), started, in_queue));
    ASSERT_FALSE(both.server);
    EXPECT_NE(both.server.error().what.find("closed the connection during the handshake"), std::string::npos);
}

TEST_F(slow_signature_test, quick_signatures_are_made_on_the_loop) {
    const auto made = make_self_signed({"localhost"}, 1);
    const auto server = *tls_server_context::from_pem(made->certificate, made->key);
    const auto in_queue = [this](stream_pair& pair) {
        EXPECT_TRUE(pair.server.is_tls());
        released.release();
    };
    EXPECT_TRUE(run(wait_for_turn(test_loop(), server, false, queue, occupy(), started, in_queue)).server);
}

}  // namespace
}  // namespace sallyport::net
