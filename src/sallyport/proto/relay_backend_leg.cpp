#include <sallyport/proto/relay_backend_leg.hpp>

#include <utility>

namespace sallyport::proto {

void relay_backend_leg::connect(const relay_backend& server, relay_output& out) {
    server_ = server;
    out.set_backend_tls(server.protect);
    connected_ = true;
}

void relay_backend_leg::release(relay_output& out) {
    connected_ = data_protected_ = pbsz_sent_ = false;
    server_.match_tls = false;
    replies_ = reply_parser();
    out.release_backend();
}

void relay_backend_leg::send_prot(bool protect, reply_kind kind, relay_output& out) {
    if (!std::exchange(pbsz_sent_, true)) (void)out.send_command({verb::pbsz, "PBSZ", "0"}, reply_kind::protection);
    (void)out.send_command({verb::prot, "PROT", protect ? "P" : "C"}, kind);
}

void relay_backend_leg::protect_after_login(bool client_data_protected, relay_output& out) {
    if (!out.backend_tls() || data_protected_ || (matches_client() && !client_data_protected)) return;
    send_prot(true, reply_kind::protection, out);
    data_protected_ = true;
}

}  // namespace sallyport::proto
