import type { ProcedureSpec, ProgramSpec, TypeName } from "../spec.ts";
import { callsOf, eventName, eventsOf, procedureName, proceduresName, programName, typeName } from "./names.ts";
import { block, docComment, docText, indented, list, WIDTH } from "./printer.ts";

export function programLines(program: ProgramSpec): string[][] {
  return [
    proceduresLines(program),
    descriptorLines(program),
    ...eventsOf(program).map((event) => eventLines(program, event)),
  ];
}

function proceduresLines(program: ProgramSpec): string[] {
  const members = callsOf(program).flatMap((procedure) => [
    ...docComment(procedureDoc(procedure)),
    ...procedureLines(procedure),
  ]);
  const name = programName(program);
  const doc = `/** The procedures of {@link ${name}}. */`;
  return [doc, ...block(`export interface ${proceduresName(program)} `, members)];
}

function procedureDoc({ doc, annotations }: ProcedureSpec): string[] {
  const since = annotations.since === undefined ? [] : [`@since ${annotations.since}`];
  return [...docText(doc), ...since];
}

function procedureLines(procedure: ProcedureSpec): string[] {
  const open = `readonly ${procedureName(procedure.name)}: Procedure<`;
  const types = [valueType(procedure.args), valueType(procedure.ret)];
  const stream = streamText(procedure);
  if (stream !== "null") types.push(stream);
  const line = `${open}${types.join(", ")}>;`;
  if (line.length + 2 <= WIDTH) return [line];
  const last = types.length - 1;
  return [open, ...indented(types.map((type, index) => (index < last ? `${type},` : type))), ">;"];
}

function valueType(type: TypeName | null): string {
  return type === null ? "void" : typeName(type.name);
}

function streamText({ annotations: { readStream, writeStream } }: ProcedureSpec): string {
  if (readStream !== undefined) return '"read"';
  return writeStream === undefined ? "null" : '"write"';
}

function descriptorLines(program: ProgramSpec): string[] {
  const name = programName(program);
  const head = `Program \`${program.name}\` (0x${program.number.toString(16)}), version ${program.version}.`;
  const doc = docText(program.doc);
  const members = [
    `name: "${program.name}",`,
    `number: 0x${program.number.toString(16)},`,
    `version: ${program.version},`,
    ...block("procedures: ", callsOf(program).flatMap(entryLines), ","),
  ];
  return [
    ...docComment([head, ...(doc.length === 0 ? [] : ["", ...doc])]),
    ...block(`export const ${name}: Program<${proceduresName(program)}> = `, members, ";"),
  ];
}

function entryLines(procedure: ProcedureSpec): string[] {
  const { annotations } = procedure;
  const fields = [
    `number: ${procedure.number}`,
    `name: "${procedure.id}"`,
    `args: ${codecText(procedure.args)}`,
    `ret: ${codecText(procedure.ret)}`,
    `stream: ${streamText(procedure)}`,
    `priority: "${annotations.priority ?? "low"}"`,
  ];
  if (annotations.open) fields.push("open: true");
  if (annotations.sparseFlag !== undefined) fields.push(`sparseFlag: "${annotations.sparseFlag}"`);
  if (annotations.acl.length > 0) fields.push(`acl: [${annotations.acl.map((line) => `"${line}"`).join(", ")}]`);
  return list(`${procedureName(procedure.name)}: {`, fields, "},", 4);
}

function codecText(type: TypeName | null): string {
  return type === null ? "XdrVoid" : typeName(type.name);
}

function eventLines(program: ProgramSpec, event: ProcedureSpec): string[] {
  const name = eventName(program, event);
  const payload = codecText(event.msg);
  const fields = [
    `program: ${programName(program)}`,
    `number: ${event.number}`,
    `name: "${event.id}"`,
    `payload: ${payload}`,
  ];
  return [
    ...docComment(procedureDoc(event)),
    ...list(`export const ${name}: EventType<${payload}> = {`, fields, "};", 0),
  ];
}
