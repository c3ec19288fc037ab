//! Each stage of hiding by itself, on the cover of 1.5 megapixels that comes with the program:
//! `cargo bench --bench hiding`. Whole requests, other sizes and two threads are measured by
//! `pentimento bench hide`, with ratios.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use pentimento::stego::{
    CoverId, DecodeLimits, Picture, PreparedCover, Rendition, Scratch, covers, decode_carrier,
    embed_in_place, extract,
};

const SEED: [u8; 32] = [7; 32];

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn stages(criterion: &mut Criterion) {
    let id = CoverId::from_number(2).expect("there is one");
    let cover = covers::builtin(id)
        .expect("it is whole")
        .expect("it is built in");
    let payload = Bytes::from(vec![0x5a; cover.samples().len() / 16]);
    let mut group = criterion.benchmark_group("hiding");
    group.throughput(Throughput::Bytes(cover.samples().len() as u64));
    group.sample_size(20);

    let mut copy = vec![0; cover.samples().len()];
    group.bench_function("memcpy", |bench| {
        bench.iter(|| copy.copy_from_slice(black_box(cover.samples())));
    });
    group.bench_function("prepare", |bench| {
        bench.iter(|| PreparedCover::new(cover.clone()));
    });
    group.bench_function("prepare quickly", |bench| {
        bench.iter(|| PreparedCover::quickly(cover.clone()));
    });
    let mut carrier = cover.clone();
    group.bench_function("embed", |bench| {
        bench.iter(|| embed_in_place(&mut carrier, &payload, &SEED));
    });
    group.bench_function("extract", |bench| {
        bench.iter(|| extract(&carrier, 0, payload.len()));
    });
    files(
        &mut group,
        &Arc::new(PreparedCover::new(cover)),
        &carrier,
        payload,
    );
    group.finish();
}

/// From pixels to files and back.
fn files(group: &mut Group<'_>, cover: &Arc<PreparedCover>, carrier: &Picture, payload: Bytes) {
    let mut scratch = Scratch::default();
    group.bench_function("encode", |bench| {
        bench.iter(|| cover.encode(carrier, &mut scratch));
    });
    group.bench_function("encode with fdeflate", |bench| {
        bench.iter(|| fdeflate(carrier));
    });
    let rendition = Rendition::new(cover.clone(), payload, SEED).expect("it fits");
    group.bench_function("embed and encode", |bench| {
        bench.iter(|| rendition.render(&mut scratch));
    });
    let file = rendition.render(&mut scratch);
    group.bench_function("decode", |bench| {
        bench.iter(|| decode_carrier(&file, &DecodeLimits::default()));
    });
    let other = fdeflate(carrier);
    group.bench_function("decode what fdeflate made", |bench| {
        bench.iter(|| decode_carrier(&other, &DecodeLimits::default()));
    });
}

fn fdeflate(picture: &Picture) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Sub);
    let mut writer = encoder.write_header().expect("memory can be written");
    let written = writer.write_image_data(picture.samples());
    written.expect("memory can be written");
    drop(writer);
    file
}

criterion_group!(benches, stages);
criterion_main!(benches);
