/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore host status: the state of the kernel module, as one JSON value that
 * is printed or told in words.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/err.h>
#include <tdxcore/module.h>
#include <tdxcore/platform.h>

#include "host_cmd.h"

struct gathering {
	const struct host_options *o;
	json_t *root;
	json_t *advice;
	bool debug_told; /* Why debugfs cannot be read. */
};

static int advise(struct gathering *g, const char *what)
{
	return json_array_append_new(g->advice, json_string(what))
		       ? host_no_memory()
		       : CLI_OK;
}

/* --- what to do ----------------------------------------------------------- */

static const char in_firmware[] =
	"enable TDX in the firmware's setup: memory encryption (TME, TME-MT), "
	"KeyIDs for TDX above 1, the SEAM loader, TDX itself";
static const char not_this_cpu[] = "TDX cannot be used on this machine; the "
				   "module loaded with sim=on runs "
				   "the software TDX module instead";

static const char *const advice_of[TDXC_PLATFORM_CHECKS] = {
	[TDXC_CHECK_INTEL] = not_this_cpu,
	[TDXC_CHECK_KEYID_PARTITIONING] = in_firmware,
	[TDXC_CHECK_PRIVATE_KEYIDS] = in_firmware,
	[TDXC_CHECK_GUEST_KEYIDS] = in_firmware,
	[TDXC_CHECK_TME_LOCKED] = in_firmware,
	[TDXC_CHECK_TME_ENABLED] = in_firmware,
	[TDXC_CHECK_KEYID_BITS] = in_firmware,
	[TDXC_CHECK_PA_WIDTH] = not_this_cpu,
	[TDXC_CHECK_SEAMRR_SUPPORTED] = in_firmware,
	[TDXC_CHECK_SEAMRR_ENABLED] = in_firmware,
	[TDXC_CHECK_SEAMRR_LOCKED] = in_firmware,
	[TDXC_CHECK_XSAVE] = not_this_cpu,
	[TDXC_CHECK_MOVDIR64B] = not_this_cpu,
	[TDXC_CHECK_SELF_SNOOP] = not_this_cpu,
	[TDXC_CHECK_VMX] = "enable VMX (VT-x) in the firmware's setup",
	[TDXC_CHECK_VMCS_SIZE] = not_this_cpu,
	[TDXC_CHECK_X2APIC] = "enable x2APIC in the firmware's setup",
	[TDXC_CHECK_HIBERNATION] = "boot the kernel with nohibernate",
	[TDXC_CHECK_S3] = "keep the machine from entering S3",
};

static const char *check_name(size_t i)
{
	return tdxc_platform_check_name((enum tdxc_platform_check)i);
}

/* `reason` is "CHECK: why". */
static int advise_platform(struct gathering *g, const char *reason)
{
	char *check = strndup(reason, strcspn(reason, ":"));
	size_t i;

	if (!check)
		return host_no_memory();
	i = cli_word(check, TDXC_PLATFORM_CHECKS, check_name);
	free(check);
	return i < TDXC_PLATFORM_CHECKS ? advise(g, advice_of[i]) : CLI_OK;
}

/* The platform would do, and all the same no module is up. */
static int advise_error(struct gathering *g, const char *error)
{
	static const struct {
		int err;
		const char *what;
	} table[] = {
		{TDXC_E_NOMEM, "PAMTs need memory in large pieces: load the "
			       "module soon after boot, or use dynamic_pamt"},
		{TDXC_E_BUSY, "VMX is somebody else's: unload KVM (modprobe -r "
			      "kvm_intel) before the module is loaded"},
		{TDXC_E_OPNOTSUPP, "this kernel lets no module enter VMX "
				   "operation (6.19 and later)"},
		{TDXC_E_NODEV, "firmware loaded no TDX module: update it, or "
			       "enable the SEAM loader in its setup"},
	};
	size_t i;

	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (!strcmp(tdxc_err_name(table[i].err), error))
			return advise(g, table[i].what);
	}
	return advise(g, "`tdxcore host log' has the step and the status at "
			 "which the bring-up ended");
}

/* --- parameters, one file each -------------------------------------------- */

static int add_parameter(struct gathering *g, json_t *list, const char *name)
{
	char *value = NULL;
	char *path;
	int result;

	if (asprintf(&path, "%s%s", HOST_PARAMS, name) < 0)
		return host_no_memory();
	result = host_read_value(g->o, path, &value);
	if (!result)
		result = host_put(list, name, json_string(value));
	free(value);
	free(path);
	return result;
}

static int is_named(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int add_parameters(struct gathering *g)
{
	char *path = host_path(g->o, HOST_PARAMS);
	struct dirent **names = NULL;
	json_t *list = json_object();
	int n = path ? scandir(path, &names, is_named, alphasort) : 0;
	int result =
		path ? host_put(g->root, "parameters", list) : CLI_INTERNAL;
	int i;

	for (i = 0; i < n; i++) {
		if (!result)
			result = add_parameter(g, list, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	free(path);
	return result;
}

/* --- debugfs -------------------------------------------------------------- */

/* A file of debugfs as a member of its name; null where it cannot be read. */
static int add_debug(struct gathering *g, const char *name, json_t *empty,
		     int (*parse)(struct host_text *t, json_t *into))
{
	struct host_text t = {0};
	char *path;
	int result = CLI_OK;
	int error;

	if (asprintf(&path, "%s%s", HOST_DEBUG, name) < 0) {
		json_decref(empty);
		return host_no_memory();
	}
	error = host_read(g->o, path, &t);
	if (!error) {
		result = parse(&t, empty);
		if (!result)
			result = host_put(g->root, name, json_incref(empty));
	} else {
		result = host_put(g->root, name, json_null());
		if (!result && !g->debug_told)
			result = advise(g, host_remedy(g->o, path, error));
		g->debug_told = true;
	}
	host_text_free(&t);
	json_decref(empty);
	free(path);
	return result;
}

/* --- sysfs ---------------------------------------------------------------- */

static int add_number(struct gathering *g, const char *name)
{
	uint64_t value = 0;
	char *path;
	int result;

	if (asprintf(&path, "%s%s", HOST_SYSFS, name) < 0)
		return host_no_memory();
	result = host_read_number(g->o, path, &value);
	if (!result)
		result = host_put(g->root, name,
				  json_integer((json_int_t)value));
	free(path);
	return result;
}

/* There is none without a TDX module: reading fails with ENXIO. A file cannot
 * be told to fail so, and is empty in its place. */
static int add_version(struct gathering *g)
{
	const char *path = HOST_SYSFS "module_version";
	struct host_text t;
	int error = host_read(g->o, path, &t);
	char *line = error ? NULL : host_line(&t);
	int result = CLI_OK;

	if (error && error != ENXIO)
		result = host_refuse(g->o, path, error);
	else
		result = host_put(g->root, "module_version",
				  line && *line ? json_string(line)
						: json_null());
	host_text_free(&t);
	return result;
}

static int add_platform(struct gathering *g)
{
	uint64_t usable = 0;
	char *reason = NULL;
	int result = host_read_number(g->o, HOST_SYSFS "usable", &usable);

	if (!result)
		result = host_read_value(g->o, HOST_SYSFS "reason", &reason);
	if (!result)
		result = host_put(g->root, "usable", json_boolean(usable));
	if (!result)
		result = host_put(g->root, "reason", json_string(reason));
	if (!result && !usable)
		result = advise_platform(g, reason);
	free(reason);
	return result;
}

/* "STEP", "waits for a CPU" or "off (ERROR)". */
static int add_state(struct gathering *g)
{
	char *state;
	char *error;
	int result = host_read_value(g->o, HOST_SYSFS "state", &state);

	if (result)
		return result;
	error = strstr(state, " (");
	if (error) {
		*error = '\0';
		error += 2;
		error[strcspn(error, ")")] = '\0';
	}
	result = host_put(g->root, "state", json_string(state));
	if (!result)
		result = host_put(g->root, "error",
				  json_string(error ? error : ""));
	if (!result)
		result = host_put(g->root, "ready",
				  json_boolean(!strcmp(
					  state, tdxc_module_step_name(
							 TDXC_MODULE_READY))));
	if (!result && error &&
	    json_is_true(json_object_get(g->root, "usable")))
		result = advise_error(g, error);
	if (!result && !strcmp(state, "waits for a CPU"))
		result = advise(g, "every CPU must be online once: echo 1 "
				   ">/sys/devices/system/cpu/cpuN/online");
	free(state);
	return result;
}

static int add_sysfs(struct gathering *g)
{
	int result = add_platform(g);

	if (!result)
		result = add_state(g);
	if (!result)
		result = add_version(g);
	if (!result)
		result = add_number(g, "pamt_bytes");
	if (!result)
		result = add_number(g, "keyids_in_use");
	if (!result)
		result = add_number(g, "quarantined");
	return result;
}

static int add_debugfs(struct gathering *g)
{
	int result = add_debug(g, "preconditions", json_array(),
			       host_parse_preconditions);

	if (!result)
		result = add_debug(g, "counters", json_object(),
				   host_parse_counters);
	if (!result)
		result = add_debug(g, "coherence", json_object(),
				   host_parse_coherence);
	if (!result)
		result = add_debug(g, "quarantine", json_object(),
				   host_parse_quarantine);
	return result;
}

static int gather(struct gathering *g)
{
	int result = host_need_module(g->o);

	if (!result)
		result = add_sysfs(g);
	if (!result)
		result = add_parameters(g);
	if (!result)
		result = add_debugfs(g);
	if (!result &&
	    json_integer_value(json_object_get(g->root, "quarantined")))
		result = advise(g, "pages in quarantine stay out of use until "
				   "the machine is reset, for the TDX module "
				   "may still have them");
	if (!result)
		result = host_put(g->root, "advice", json_incref(g->advice));
	return result;
}

/* -------------------------------------------------------------------------- */

int host_status(const struct host_options *o)
{
	struct gathering g = {
		.o = o, .root = json_object(), .advice = json_array()};
	struct cli_out out = {0};
	int result = g.root && g.advice ? gather(&g) : host_no_memory();

	if (!result)
		result = cli_out_open(&out);
	if (!result && o->json)
		result = host_print_json(out.stream, json_incref(g.root));
	else if (!result)
		host_print_status(out.stream, g.root);
	if (!result)
		result = cli_out_close(&out);
	if (!result)
		result = cli_out_print(&out);
	if (!result && !json_is_true(json_object_get(g.root, "ready")))
		result = CLI_NO;
	cli_out_free(&out);
	json_decref(g.advice);
	json_decref(g.root);
	return result;
}
