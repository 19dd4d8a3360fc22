/** A CPU model: what its CPUs can do. */
export interface CpuModel {
  readonly name: string;
  readonly vendor: string | null;
  readonly features: ReadonlySet<string>;
}

/** Name, vendor, the model it extends, and what it has beyond that one. */
type Row = readonly [name: string, vendor: string | null, base: string | null, features: string];

/** The x86 models of libvirt 9.0, older ones first within a family. */
const X86: readonly Row[] = [
  ["486", null, null, "fpu pse vme"],
  ["pentium", null, "486", "cx8 de mce mmx msr tsc"],
  ["pentium2", null, "pentium", "cmov fxsr mca mtrr pae pat pge pse36 sep"],
  ["pentium3", null, "pentium2", "sse"],
  ["pentiumpro", null, null, "apic cmov cx8 de fpu fxsr mce mmx msr pae pat pge pse sep sse sse2 tsc"],
  ["coreduo", "Intel", "pentiumpro", "clflush mca monitor mtrr nx pni vme"],
  ["n270", "Intel", "coreduo", "ssse3"],
  ["core2duo", "Intel", "n270", "lm pse36 syscall"],
  ["qemu32", null, "pentiumpro", "pni"],
  ["kvm32", null, "qemu32", "clflush mca mtrr pse36"],
  ["cpu64-rhel5", null, "kvm32", "lm nx syscall"],
  ["cpu64-rhel6", null, "cpu64-rhel5", "cx16 lahf_lm"],
  ["qemu64", null, "cpu64-rhel5", "cx16 svm"],
  ["kvm64", null, "cpu64-rhel5", "cx16"],
  ["Conroe", "Intel", "cpu64-rhel5", "lahf_lm ssse3"],
  ["Penryn", "Intel", "cpu64-rhel6", "sse4.1 ssse3"],
  ["Nehalem", "Intel", "Penryn", "popcnt sse4.2"],
  ["Nehalem-IBRS", "Intel", "Nehalem", "spec-ctrl"],
  ["Westmere", "Intel", "Nehalem", "aes"],
  ["Westmere-IBRS", "Intel", "Nehalem-IBRS", "aes"],
  ["SandyBridge", "Intel", "Westmere", "avx pclmuldq rdtscp tsc-deadline x2apic xsave"],
  ["SandyBridge-IBRS", "Intel", "SandyBridge", "spec-ctrl"],
  ["IvyBridge", "Intel", "SandyBridge", "erms f16c fsgsbase rdrand smep vme"],
  ["IvyBridge-IBRS", "Intel", "IvyBridge", "spec-ctrl"],
  ["Haswell-noTSX", "Intel", "SandyBridge", "avx2 bmi1 bmi2 erms fma fsgsbase invpcid movbe pcid smep"],
  ["Haswell-noTSX-IBRS", "Intel", "Haswell-noTSX", "spec-ctrl"],
  ["Haswell", "Intel", "Haswell-noTSX", "hle rtm"],
  ["Haswell-IBRS", "Intel", "Haswell", "spec-ctrl"],
  ["Broadwell-noTSX", "Intel", "Haswell-noTSX", "3dnowprefetch adx rdseed smap"],
  ["Broadwell-noTSX-IBRS", "Intel", "Broadwell-noTSX", "spec-ctrl"],
  ["Broadwell", "Intel", "Broadwell-noTSX", "hle rtm"],
  ["Broadwell-IBRS", "Intel", "Broadwell", "spec-ctrl"],
  ["Skylake-Client", "Intel", "Broadwell", "abm arat f16c mpx rdrand vme xgetbv1 xsavec xsaveopt"],
  ["Skylake-Client-IBRS", "Intel", "Skylake-Client", "spec-ctrl"],
  [
    "Skylake-Client-noTSX-IBRS",
    "Intel",
    "Broadwell-noTSX-IBRS",
    "abm arat f16c mpx rdrand vme xgetbv1 xsavec xsaveopt",
  ],
  ["Skylake-Server", "Intel", "Skylake-Client", "avx512bw avx512cd avx512dq avx512f avx512vl clwb pdpe1gb"],
  ["Skylake-Server-IBRS", "Intel", "Skylake-Server", "spec-ctrl"],
  [
    "Skylake-Server-noTSX-IBRS",
    "Intel",
    "Skylake-Client-noTSX-IBRS",
    "avx512bw avx512cd avx512dq avx512f avx512vl clwb pdpe1gb",
  ],
  ["Cascadelake-Server", "Intel", "Skylake-Server-IBRS", "avx512vnni clflushopt ssbd"],
  ["Cascadelake-Server-noTSX", "Intel", "Skylake-Server-noTSX-IBRS", "avx512vnni clflushopt ssbd"],
  [
    "Icelake-Client",
    "Intel",
    "Skylake-Client-IBRS",
    "avx512-vpopcntdq avx512bitalg avx512vbmi avx512vbmi2 avx512vnni gfni pku ssbd umip vaes vpclmulqdq wbnoinvd",
  ],
  [
    "Icelake-Client-noTSX",
    "Intel",
    "Skylake-Client-noTSX-IBRS",
    "avx512-vpopcntdq avx512bitalg avx512vbmi avx512vbmi2 avx512vnni gfni pku ssbd umip vaes vpclmulqdq wbnoinvd",
  ],
  [
    "Icelake-Server",
    "Intel",
    "Icelake-Client",
    "avx512bw avx512cd avx512dq avx512f avx512vl clflushopt clwb la57 pdpe1gb",
  ],
  [
    "Icelake-Server-noTSX",
    "Intel",
    "Icelake-Client-noTSX",
    "avx512bw avx512cd avx512dq avx512f avx512vl clflushopt clwb la57 pdpe1gb",
  ],
  [
    "Cooperlake",
    "Intel",
    "Broadwell-IBRS",
    "abm arat arch-capabilities avx512-bf16 avx512bw avx512cd avx512dq avx512f avx512vl avx512vnni clflushopt clwb f16c ibrs-all mds-no pdpe1gb pku pschange-mc-no rdctl-no rdrand skip-l1dfl-vmentry ssbd stibp taa-no vme xgetbv1 xsavec xsaveopt",
  ],
  [
    "Snowridge",
    "Intel",
    "Westmere-IBRS",
    "3dnowprefetch arat arch-capabilities cldemote clflushopt clwb core-capability erms fsgsbase gfni movbe movdir64b movdiri pclmuldq pdpe1gb rdrand rdseed rdtscp sha-ni smap smep split-lock-detect ssbd tsc-deadline umip vme x2apic xgetbv1 xsave xsavec xsaveopt",
  ],
  ["athlon", "AMD", "pentiumpro", "3dnow 3dnowext mmxext mtrr pse36 vme"],
  ["phenom", "AMD", "cpu64-rhel5", "3dnow 3dnowext fxsr_opt mmxext monitor svm"],
  ["Opteron_G1", "AMD", "cpu64-rhel5", ""],
  ["Opteron_G2", "AMD", "cpu64-rhel6", "rdtscp svm"],
  ["Opteron_G3", "AMD", "Opteron_G2", "abm misalignsse popcnt sse4a"],
  ["Opteron_G4", "AMD", "Opteron_G3", "3dnowprefetch aes avx fma4 pclmuldq pdpe1gb sse4.1 sse4.2 ssse3 xop xsave"],
  ["Opteron_G5", "AMD", "Opteron_G4", "f16c fma tbm"],
  [
    "EPYC",
    "AMD",
    "Opteron_G3",
    "3dnowprefetch adx aes arat avx avx2 bmi1 bmi2 clflushopt cr8legacy f16c fma fsgsbase fxsr_opt mmxext movbe osvw pclmuldq pdpe1gb rdrand rdseed sha-ni smap smep sse4.1 sse4.2 ssse3 vme xgetbv1 xsave xsavec xsaveopt",
  ],
  ["EPYC-IBPB", "AMD", "EPYC", "ibpb"],
  ["EPYC-Rome", "AMD", "EPYC-IBPB", "amd-stibp clwb clzero npt nrip-save perfctr_core rdpid umip wbnoinvd xsaveerptr"],
  ["EPYC-Milan", "AMD", "EPYC-Rome", "amd-ssbd erms fsrm ibrs invpcid pcid pku svme-addr-chk xsaves"],
  [
    "Dhyana",
    "Hygon",
    "Opteron_G3",
    "3dnowprefetch adx arat avx avx2 bmi1 bmi2 clflushopt cr8legacy f16c fma fsgsbase fxsr_opt ibpb mmxext movbe osvw pdpe1gb rdrand rdseed smap smep sse4.1 sse4.2 ssse3 vme xgetbv1 xsave xsavec xsaveopt",
  ],
];

const PPC64: readonly string[] = ["POWER6", "POWER7", "POWER8", "POWER9", "POWER10", "POWERPC_e5500", "POWERPC_e6500"];

/** The names of the models of an architecture; `null` for an architecture that does not exist. */
export function cpuModelNames(arch: string): readonly string[] | null {
  if (arch === "x86_64" || arch === "i686") return X86.map(([name]) => name);
  if (arch === "ppc64" || arch === "ppc64le") return PPC64;
  return ARCHITECTURES.has(arch) ? [] : null;
}

const ARCHITECTURES = new Set(
  "alpha armv6l armv7l armv7b aarch64 cris i686 ia64 lm32 loongarch64 m68k microblaze microblazeel mips mipsel mips64 mips64el openrisc parisc parisc64 ppc ppc64 ppc64le ppcemb riscv32 riscv64 s390 s390x sh4 sh4eb sparc sparc64 unicore32 x86_64 xtensa xtensaeb".split(
    " ",
  ),
);

/** All x86 models with their features. */
export function x86Models(): CpuModel[] {
  const done = new Map<string, CpuModel>();
  for (const [name, vendor, base, features] of X86) {
    const inherited = base === null ? [] : (done.get(base)?.features ?? []);
    done.set(name, { name, vendor, features: new Set([...inherited, ...features.split(" ")]) });
  }
  return [...done.values()];
}
