#pragma once
// The subcommands: each registers itself with the command line and, when chosen, runs and sets the exit code. One file
// per subcommand, with its arguments and wiring. Functions for the main thread; `app` and `exit_code` must outlive the
// parsing.

namespace CLI {
class App;
}

namespace sallyport::cli {

void add_up_command(CLI::App& app, int& exit_code);
void add_serve_command(CLI::App& app, int& exit_code);
void add_gate_command(CLI::App& app, int& exit_code);
void add_get_command(CLI::App& app, int& exit_code);
void add_put_command(CLI::App& app, int& exit_code);
void add_ls_command(CLI::App& app, int& exit_code);
void add_mirror_command(CLI::App& app, int& exit_code);
void add_copy_command(CLI::App& app, int& exit_code);
void add_rm_command(CLI::App& app, int& exit_code);
void add_mv_command(CLI::App& app, int& exit_code);
void add_mkdir_command(CLI::App& app, int& exit_code);
void add_rmdir_command(CLI::App& app, int& exit_code);
void add_chmod_command(CLI::App& app, int& exit_code);
void add_stat_command(CLI::App& app, int& exit_code);
void add_cat_command(CLI::App& app, int& exit_code);
void add_find_command(CLI::App& app, int& exit_code);
void add_du_command(CLI::App& app, int& exit_code);
void add_quote_command(CLI::App& app, int& exit_code);
void add_shell_command(CLI::App& app, int& exit_code);
void add_sites_command(CLI::App& app, int& exit_code);
void add_doctor_command(CLI::App& app, int& exit_code);
void add_reach_command(CLI::App& app, int& exit_code);
void add_import_command(CLI::App& app, int& exit_code);
void add_user_command(CLI::App& app, int& exit_code);
void add_cert_command(CLI::App& app, int& exit_code);
void add_firewall_command(CLI::App& app, int& exit_code);

}  // namespace sallyport::cli
