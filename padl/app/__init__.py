"""What PADL does, as plain Python: configuration -> plan -> engine -> run folder. No Hydra; it prints progress alone.

What a run is, checked before anything is compiled: names.py finds what is registered; settings.py says what else a run
can be told, keywords.py for type checkers, wandb_environment.py what the environment says of W&B; compatibility.py what
goes together; composition.py reads wrappers and groups around an optimizer, composed_optimizer.py makes it,
parameter_groups.py says which parameter has which; run_spec.py checks a configuration whole; plan.py puts it on
devices; plugin_errors.py makes one line of what a plugin's code raises; notes.py says what a user should know of the
data, own_ranges.py which learning rates are odd; naming.py what a run is called. objects/ puts things from Python in
the place of names; conf.py reads a file of conf/.

What it does and leaves: train.py runs it from start to end, training.py as it goes; outputs.py says where its rows go;
timing.py, summary.py and artifacts.py what is kept of it; compilation_cache.py where compiled programs are. stopping.py
takes signals as requests to stop, early_stopping.py evaluations as reasons to; watchdog.py names a call that hangs;
saving.py says when the state is saved; resume.py goes on from there, where fingerprint.py says that what the numbers
depend on is as it was; warm_start.py begins with other runs' parameters.

What is done with what it left: stored_config.py reads its configuration for use today; changes.py changes it;
saved_runs.py loads and evaluates it, trained_model.py calls it; stored_data.py and new_rows.py make inputs of new rows
as of those trained on, predicting.py says what it predicts of them; exporting.py writes it for other programs. flags.py
says where JAX is set otherwise than in its record; step_graph.py has the graph of one of its steps; linear_optimum.py
the best that a linear model can reach. model_roles.py says what a model's parameters are, optimizer_facts.py what
tracing an optimizer tells, optimizer_arrays.py what becomes of which parameter, companions.py where a rule for matrices
moves none, optimizer_difference.py how far two part, optimizer_card.py what is measured of one. plot_loss.py draws
losses, new_plugin.py writes the first files of a plugin. readable_runs.py says in a few lines what a result is,
frames.py makes a data frame of it; run_list.py lists many, run_plot.py draws their curves together, told apart by
run_labels.py.

Checks: checking.py puts something through all of them; named_things.py finds what a name, a file, a package or a
function of a module is, checked_things.py and checked_items.py make of it what checks see; oracle_files.py finds the
function of NumPy that it is compared with.

sweep/ trains many runs in few programs; compare/ lets optimizers walk on a surface; debug/ looks for mistakes.
"""
