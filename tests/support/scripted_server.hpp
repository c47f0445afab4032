#pragma once
// Test support: FTP servers that behave as a test requires, each on a thread of its own with blocking sockets. Owned by the
// test.
//
// scripted_server runs a function for each control connection. ftp_stub is a small FTP server on top of it;
// each member of `behaviour` changes one thing: the rows of the misbehaving-server matrix.

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <support/blocking_socket.hpp>

namespace sallyport::testing {

class scripted_server {
public:
    using script = std::function<void(blocking_socket& control)>;

    explicit scripted_server(script s) : script_(std::move(s)), acceptor_([this] { accept_all(); }) {}
    ~scripted_server() {
        stopping_ = true;
        listener_.shut_down();
        acceptor_.join();
        {
            const std::lock_guard lock(mutex_);
            for (const auto& c : controls_) c->shut_down();
        }
        for (auto& t : threads_) t.join();
    }
    scripted_server(const scripted_server&) = delete;
    scripted_server& operator=(const scripted_server&) = delete;

    [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
    [[nodiscard]] std::string url(std::string_view scheme, std::string_view path) const {
        return std::string(scheme) + "://127.0.0.1:" + std::to_string(port()) + "/" + std::string(path);
    }

private:
    void accept_all() {
        while (!stopping_) {
            auto accepted = listener_.accept();
            if (!accepted) continue;
            const std::lock_guard lock(mutex_);
            auto& control = controls_.emplace_back(std::make_unique<blocking_socket>(std::move(accepted)));
            threads_.emplace_back([this, c = control.get()] {
                script_(*c);
                const std::lock_guard closing(mutex_);
                c->close();
            });
        }
    }

    script script_;
    blocking_listener listener_;
    std::atomic<bool> stopping_ = false;
    std::mutex mutex_;
    std::list<std::unique_ptr<blocking_socket>> controls_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

/// Special replies: no reply, the connection is closed, the connection is reset.
inline constexpr std::string_view stay_silent = "\x01silent";
inline constexpr std::string_view hang_up = "\x01hang up";
inline constexpr std::string_view send_reset = "\x01reset";

enum class data_port : std::uint8_t { works, refuses, silent };
enum class data_end : std::uint8_t { proper, cut, reset, stays_open };

struct behaviour {
    std::map<std::string, std::string> files{{"file", std::string(420, 'x')}};
    std::set<std::string> directories{"/", "/start", "dir"};
    std::string modified = "20260102030405";  // of every file, in MDTM and MLST; empty: not known here
    /// Replies by verb (also "GREETING") that replace the usual ones, without line end; the command then has no effect.
    std::map<std::string, std::string> replies;
    std::map<std::string, std::string> strays;  // an additional reply before the one to this verb
    data_port epsv_port = data_port::works;
    data_port pasv_port = data_port::works;
    std::string pasv_address = "127,0,0,1";
    std::optional<std::uint64_t> announced_size;  // in SIZE and in the 150, instead of the real size
    bool says_sizes = true;
    bool has_mlsd = true;
    bool ignores_rest = false;  // says 350 and sends from the beginning
    bool early_226 = false;
    bool no_226 = false;
    bool hangs_up_after_data = false;
    bool lf_only = false;
    bool unexpected_peer_first = false;  // in active mode another address connects before the server does
    data_end ends = data_end::proper;
    std::string listing = "type=file;size=420;modify=20260102030405; file\r\n";
    std::string list_listing = "-rw-r--r--    1 ftp      ftp           420 Jan 02  2026 file\r\n";
    std::chrono::milliseconds quit_delay{0};
    const tls_identity* tls = nullptr;
    const tls_identity* data_tls = nullptr;  // another certificate for data
    bool implicit_tls = false;
    std::map<std::string, std::string> listings;  // of MLSD by working directory; others have `listing`
    int max_sessions = 1000;                      // at a time; further ones are greeted with 421
    int transfers_per_session = 1000;             // then the next command is answered by the end of the connection
    std::chrono::milliseconds data_delay{0};      // before the data of each transfer
};

class ftp_stub {
public:
    explicit ftp_stub(behaviour b) : how_(std::move(b)), server_([this](blocking_socket& c) { session(*this, c).run(); }) {}

    [[nodiscard]] std::uint16_t port() const { return server_.port(); }
    [[nodiscard]] std::string url(std::string_view path, std::string_view scheme = "ftp") const {
        return server_.url(scheme, path);
    }

    /// Every command line of every session so far, in order.
    [[nodiscard]] std::vector<std::string> commands() const {
        const std::lock_guard lock(mutex_);
        return commands_;
    }
    [[nodiscard]] bool saw(std::string_view verb) const {
        for (const auto& c : commands())
            if (c.substr(0, c.find(' ')) == verb) return true;
        return false;
    }
    /// The uploaded files, by name.
    [[nodiscard]] std::string stored(const std::string& name) const {
        const std::lock_guard lock(mutex_);
        const auto found = how_.files.find(name);
        return found == how_.files.end() ? std::string() : found->second;
    }
    [[nodiscard]] int resumed_data_connections() const { return resumed_; }
    [[nodiscard]] int unexpected_peers() const { return unexpected_peers_; }
    /// From now on.
    void allow_sessions(int max_sessions) { max_sessions_ = max_sessions; }
    /// Logged in at the same time.
    [[nodiscard]] int peak_sessions() const { return peak_sessions_; }

private:
    /// One control connection.
    class session {
    public:
        session(ftp_stub& stub, blocking_socket& control) : stub_(stub), how_(stub.how_), control_(control) {}

        void run() {
            if (how_.implicit_tls && !control_.accept_tls(*how_.tls)) return;
            const int others = stub_.sessions_++;
            if (others >= stub_.max_sessions_)
                send_reply("421 Too many connections");
            else
                serve();
            --stub_.sessions_;
        }

    private:
        void serve() {
            if (!answer("GREETING", "220 stub ready")) return;
            for (;;) {
                const std::string line = control_.read_line();
                if (line.empty() || transfers_ >= how_.transfers_per_session) return;
                {
                    const std::lock_guard lock(stub_.mutex_);
                    stub_.commands_.push_back(line);
                }
                const auto space = line.find(' ');
                const std::string verb = line.substr(0, space);
                const std::string argument = space == line.npos ? std::string() : line.substr(space + 1);
                if (const auto stray = how_.strays.find(verb); stray != how_.strays.end()) send_reply(stray->second);
                if (how_.replies.contains(verb) ? !answer(verb, "") : !handle(verb, argument)) return;
            }
        }

        bool send_reply(std::string_view text) { return control_.send(std::string(text) + (how_.lf_only ? "\n" : "\r\n")); }

        /// False ends the session.
        bool answer(const std::string& verb, std::string_view usual) {
            const auto found = how_.replies.find(verb);
            const std::string_view text = found == how_.replies.end() ? usual : std::string_view(found->second);
            if (text == stay_silent) return true;
            if (text == hang_up) return false;
            if (text == send_reset) {
                control_.reset();
                return false;
            }
            return send_reply(text);
        }

        bool handle(const std::string& verb, const std::string& argument) {
            if (verb == "USER") return send_reply("331 password?");
            if (verb == "PASS") {
                int peak = stub_.peak_sessions_;
                while (peak < stub_.sessions_ && !stub_.peak_sessions_.compare_exchange_weak(peak, stub_.sessions_)) {
                }
                return send_reply("230 logged in");
            }
            if (verb == "AUTH" && how_.tls) return send_reply("234 go on") && control_.accept_tls(*how_.tls);
            if (verb == "PBSZ" || verb == "TYPE" || verb == "OPTS") return send_reply("200 ok");
            if (verb == "PROT") {
                protect_ = argument == "P";
                return send_reply("200 ok");
            }
            if (verb == "FEAT")
                return send_reply(how_.has_mlsd ? "211-Features\r\n MLST type*;size*;\r\n SIZE\r\n211 End"
                                                : "211-Features\r\n211 End");
            if (verb == "SIZE") return size(argument);
            if (verb == "PWD") return send_reply("257 \"/start\" is the current directory");
            if (verb == "CWD") {
                if (!how_.directories.contains(argument)) return send_reply("550 no such directory");
                directory_ = argument;
                return send_reply("250 ok");
            }
            if (verb == "MFMT" || verb == "MKD" || verb == "DELE" || verb == "RMD") return send_reply("250 ok");
            if (verb == "MDTM" && !how_.modified.empty()) return about(argument, "213 " + how_.modified);
            if (verb == "MLST" && how_.has_mlsd)
                return about(argument, "250-Listing\r\n type=file;size=420;modify=" + how_.modified + "; /elsewhere/" +
                                           argument + "\r\n250 End");
            if (verb == "EPSV" || verb == "PASV") return passive(verb);
            if (verb == "EPRT" || verb == "PORT") return active(argument);
            if (verb == "REST") {
                offset_ = std::stoull(argument);
                return send_reply("350 from there");
            }
            if (verb == "RETR") return retrieve(argument);
            if (verb == "MLSD" && how_.has_mlsd)
                return transfer(
                    [this](blocking_socket& data) {
                        const auto found = how_.listings.find(directory_);
                        data.send(found == how_.listings.end() ? how_.listing : found->second);
                    },
                    "");
            if (verb == "LIST") return transfer([this](blocking_socket& data) { data.send(how_.list_listing); }, "");
            if (verb == "STOR" || verb == "APPE") return store(verb, argument);
            if (verb == "QUIT") {
                control_.wait_for_end(how_.quit_delay);
                send_reply("221 bye");
                return false;
            }
            return send_reply("500 " + verb + " is not known here");
        }

        bool size(const std::string& name) {
            const std::lock_guard lock(stub_.mutex_);
            const auto found = how_.files.find(name);
            if (!how_.says_sizes) return send_reply("500 no SIZE here");
            if (found == how_.files.end()) return send_reply("550 no such file");
            return send_reply("213 " + std::to_string(how_.announced_size.value_or(found->second.size())));
        }

        bool about(const std::string& name, const std::string& reply) {
            const std::lock_guard lock(stub_.mutex_);
            return send_reply(how_.files.contains(name) ? reply : "550 no such file");
        }

        bool passive(const std::string& verb) {
            const auto kind = verb == "EPSV" ? how_.epsv_port : how_.pasv_port;
            listener_ = std::make_unique<blocking_listener>();
            active_port_ = 0;
            std::uint16_t port = listener_->port();
            if (kind == data_port::refuses) port = refused_port();
            if (kind == data_port::silent) port = (silent_ = std::make_unique<silent_port>())->port();
            if (verb == "EPSV") return send_reply("229 Extended (|||" + std::to_string(port) + "|)");
            return send_reply("227 Passive (" + how_.pasv_address + "," + std::to_string(port / 256) + "," +
                              std::to_string(port % 256) + ")");
        }

        bool active(const std::string& argument) {
            listener_.reset();
            const auto number = [&](std::size_t from) { return static_cast<unsigned>(std::stoul(argument.substr(from))); };
            if (argument.starts_with('|')) {
                active_port_ = static_cast<std::uint16_t>(number(argument.rfind('|', argument.size() - 2) + 1));
            } else {
                const auto low = argument.rfind(',');
                active_port_ = static_cast<std::uint16_t>(number(argument.rfind(',', low - 1) + 1) * 256 + number(low + 1));
            }
            return send_reply("200 ok");
        }

        blocking_socket open_data() {
            if (listener_) return listener_->accept();
            if (how_.unexpected_peer_first) {
                auto unexpected = blocking_socket::connect(active_port_, INADDR_LOOPBACK, INADDR_LOOPBACK + 1);
                if (unexpected.read_to_end().empty()) ++stub_.unexpected_peers_;
            }
            return blocking_socket::connect(active_port_);
        }

        /// 150, the data, 226, each changed as `behaviour` requires.
        bool transfer(const std::function<void(blocking_socket&)>& move, const std::string& size_text) {
            blocking_socket data;
            if (how_.unexpected_peer_first) {  // the unexpected peer waits for its end while the server continues
                if (!send_reply("150 opening" + size_text)) return false;
                data = open_data();
            } else {
                data = open_data();
                if (!data) return send_reply("425 no data connection");
                if (!send_reply("150 opening" + size_text)) return false;
            }
            const tls_identity* identity = how_.data_tls ? how_.data_tls : how_.tls;
            if (protect_ && !data.accept_tls(*identity)) return send_reply("522 no TLS");
            if (data.tls_resumed()) ++stub_.resumed_;
            if (how_.early_226) send_reply("226 done early");
            ++transfers_;
            if (how_.data_delay.count() > 0) control_.wait_for_end(how_.data_delay);
            move(data);
            end(data);
            if (how_.hangs_up_after_data) return false;
            if (how_.early_226 || how_.no_226) return true;
            return answer("FINAL", "226 done");
        }

        void end(blocking_socket& data) {
            switch (how_.ends) {
                case data_end::proper: data.close(); break;
                case data_end::cut: data.cut(); break;
                case data_end::reset: data.reset(); break;
                case data_end::stays_open: stub_.hold_open(std::move(data)); break;
            }
        }

        bool retrieve(const std::string& name) {
            std::string content;
            {
                const std::lock_guard lock(stub_.mutex_);
                const auto found = how_.files.find(name);
                if (found == how_.files.end()) return send_reply("550 no such file");
                if (how_.ignores_rest) offset_ = 0;
                content = found->second.substr(std::min<std::size_t>(offset_, found->second.size()));
            }
            const auto shown = how_.announced_size.value_or(content.size());
            offset_ = 0;
            return transfer([&](blocking_socket& data) { data.send(content); },
                            how_.says_sizes ? " (" + std::to_string(shown) + " bytes)" : "");
        }

        bool store(const std::string& verb, const std::string& name) {
            return transfer(
                [&](blocking_socket& data) {
                    const std::string content = data.read_to_end();
                    const std::lock_guard lock(stub_.mutex_);
                    auto& file = stub_.how_.files[name];
                    file = verb == "APPE" ? file + content : content;
                },
                "");
        }

        ftp_stub& stub_;
        const behaviour& how_;
        blocking_socket& control_;
        std::unique_ptr<blocking_listener> listener_;
        std::unique_ptr<silent_port> silent_;
        std::uint16_t active_port_ = 0;
        std::uint64_t offset_ = 0;
        bool protect_ = false;
        std::string directory_;
        int transfers_ = 0;
    };

    void hold_open(blocking_socket data) {
        const std::lock_guard lock(mutex_);
        held_open_.push_back(std::move(data));
    }

    behaviour how_;
    mutable std::mutex mutex_;
    std::vector<std::string> commands_;
    std::vector<blocking_socket> held_open_;
    std::atomic<int> max_sessions_ = how_.max_sessions;
    std::atomic<int> resumed_ = 0;
    std::atomic<int> unexpected_peers_ = 0;
    std::atomic<int> sessions_ = 0;
    std::atomic<int> peak_sessions_ = 0;
    scripted_server server_;  // last: its threads use the rest
};

}  // namespace sallyport::testing
